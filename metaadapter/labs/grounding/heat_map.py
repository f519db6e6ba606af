"""A picture with the heat map and the box of a phrase drawn over it, and its PNG file."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from metaadapter.data.decode import open_image
from metaadapter.data.inputs import open_readable
from metaadapter.data.output_folder import replace_file
from metaadapter.data.plain_text import one_line
from metaadapter.labs.grounding.ground import Box, Grounding

# From cold to hot: dark blue, violet, orange, yellow. Their lightness rises, for readers who see no
# colours and for prints in grey.
RAMP = ((12, 8, 60), (120, 28, 120), (240, 110, 30), (252, 240, 120))
# The opacity of the colour where the map is cold and where it is hot.
COVER = (0.3, 0.65)
LINE = 120
LONGEST = 1600

# One of the keywords that the PNG specification names.
KEYWORD = "Description"


def overlay(picture: Image.Image, grounding: Grounding) -> Image.Image:
    """Draw the heat map and the box over a copy of the picture, at most 1,600 pixels long."""
    small = picture.copy()
    small.thumbnail((LONGEST, LONGEST))
    heat = Image.fromarray(_stretched(grounding.heat)).resize(small.size, Image.Resampling.BICUBIC)
    level = np.clip(np.asarray(heat), 0, 1)
    stops = np.linspace(0, 1, len(RAMP))
    colours = [np.interp(level, stops, [stop[channel] for stop in RAMP]) for channel in range(3)]
    cover = np.interp(level, (0, 1), COVER)[..., None]
    mixed = (1 - cover) * np.asarray(small) + cover * np.stack(colours, -1)
    result = Image.fromarray(mixed.round().astype(np.uint8))
    _draw_box(result, grounding.box)
    return result


def _stretched(heat: Float[np.ndarray, "height width"]) -> Float[np.ndarray, "height width"]:
    """Return square roots, from 0 to 1, because a softmax is too peaked to show its slopes."""
    low, high = float(heat.min()), float(heat.max())
    stretched: np.ndarray = np.sqrt((heat - low) / max(high - low, 1e-12)).astype(np.float32)
    return stretched


def _draw_box(picture: Image.Image, box: Box) -> None:
    width, height = picture.size
    left, top = box[0] * width, box[1] * height
    # A box may be narrower than a pixel, and Pillow refuses one that ends before it begins.
    corners = [left, top, max(left, box[2] * width - 1), max(top, box[3] * height - 1)]
    line = max(2, max(picture.size) // LINE)
    draw = ImageDraw.Draw(picture)
    # A dark line within a light one is visible on any background.
    draw.rectangle(corners, outline=(255, 255, 255), width=line)
    draw.rectangle(corners, outline=(0, 0, 0), width=max(1, line // 3))


def save_heat_map(file: Path, drawn: Image.Image, phrase: str) -> None:
    """Write the drawing of `overlay` as a PNG file into a folder that exists."""
    info = PngInfo()
    info.add_itxt(KEYWORD, one_line(phrase))
    replace_file(file, partial(drawn.save, format="PNG", pnginfo=info))


def phrase_of(file: Path) -> str | None:
    """Return the phrase stored with a heat map, as `one_line` writes it; `None` without one."""
    try:
        with open_readable(file) as opened:
            phrase = open_image(file, opened).info.get(KEYWORD)
    except Exception:  # a damaged file may raise nearly any type of error
        return None
    return None if phrase is None else str(phrase)
