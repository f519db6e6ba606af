"""The file of a drawn heat map, which tells of the phrase that it was made for."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from metaadapter.data.atomic_files import replace_file
from metaadapter.data.decode import open_image
from metaadapter.data.inputs import open_readable
from metaadapter.data.plain_text import one_line

# One of the keywords that the PNG specification names.
KEYWORD = "Description"


def save_heat_map(file: Path, drawn: Image.Image, phrase: str) -> None:
    """Write what `overlay` has drawn as a PNG file, in a folder that exists, whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    info = PngInfo()
    info.add_itxt(KEYWORD, one_line(phrase))
    replace_file(file, partial(drawn.save, format="PNG", pnginfo=info))


def phrase_of(file: Path) -> str | None:
    """The phrase of the heat map in a file, as `one_line` has it; `None` if it holds none."""
    try:
        with open_readable(file) as opened:
            phrase = open_image(file, opened).info.get(KEYWORD)
    except Exception:  # damaged files surface as nearly any type of error
        return None
    return None if phrase is None else str(phrase)
