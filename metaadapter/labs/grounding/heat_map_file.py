"""The PNG file of a heat map, which records the phrase."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from metaadapter.data.decode import open_image
from metaadapter.data.inputs import open_readable
from metaadapter.data.output_folder import replace_file
from metaadapter.data.plain_text import one_line

# One of the keywords that the PNG specification names.
KEYWORD = "Description"


def save_heat_map(file: Path, drawn: Image.Image, phrase: str) -> None:
    """Write the drawing of `overlay` as a PNG file into a folder that exists, whole or not at all.

    Raises:
        OSError: The file cannot be written.
    """
    info = PngInfo()
    info.add_itxt(KEYWORD, one_line(phrase))
    replace_file(file, partial(drawn.save, format="PNG", pnginfo=info))


def phrase_of(file: Path) -> str | None:
    """The phrase of the heat map in a file, as `one_line` writes it; `None` if there is none."""
    try:
        with open_readable(file) as opened:
            phrase = open_image(file, opened).info.get(KEYWORD)
    except Exception:  # a damaged file may raise nearly any type of error
        return None
    return None if phrase is None else str(phrase)
