"""Objects cut out of their pictures, and painted in a colour that has a name."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from tools.scenes.sources import Cut

# Red, green and blue, 0 to 255: colours so different that people agree on their names.
COLOURS = {
    "red": (214, 28, 32),
    "orange": (245, 130, 20),
    "yellow": (246, 216, 30),
    "green": (36, 150, 52),
    "blue": (30, 84, 214),
    "purple": (128, 44, 168),
    "pink": (246, 130, 180),
    "brown": (120, 72, 34),
    "white": (245, 245, 245),
    "black": (28, 28, 28),
}
# The ground of a photograph counts as even if this fraction of its rim is this near its median.
EVEN_SHARE, EVEN_DISTANCE = 0.9, 24.0
# The least and largest fraction of a picture that an object takes: no speck, no whole picture.
LEAST_AREA, MOST_AREA = 0.08, 0.85
DARK = 128
# The fraction of an object's light and shade that stays when it is painted.
SHADE = 0.6


@lru_cache(maxsize=20_000)
def cut_out(path: Path, cut: Cut) -> Image.Image | None:
    """An object as an RGBA picture without empty rims; `None` if it cannot be separated.

    "plain" removes the area that touches the rim of a photograph and has about the rim's colour.
    """
    with Image.open(path) as file:
        picture = file.convert("RGBA")
    mask = object_mask(picture, cut)
    if mask is None:
        return None
    picture.putalpha(Image.fromarray(mask))
    box = Image.fromarray(np.where(mask > DARK, mask, 0)).getbbox()
    return picture.crop(box) if box else None


def object_mask(picture: Image.Image, cut: Cut) -> np.ndarray | None:
    """How much the object covers each pixel (height, width) of an RGBA picture, 0 to 255."""
    pixels = np.asarray(picture)
    if cut == "alpha":
        return pixels[..., 3]
    if cut == "strokes":
        dark = ndimage.binary_dilation(pixels[..., :3].mean(2) < DARK)
        return np.where(dark, 255, 0).astype(np.uint8)
    if cut == "whole":
        return np.full(pixels.shape[:2], 255, dtype=np.uint8)
    return _off_plain_ground(pixels[..., :3].astype(np.float32))


def painted(cutout: Image.Image, colour: str) -> Image.Image:
    """The same object in a colour of `COLOURS`, with its own light and shade."""
    pixels = np.asarray(cutout).astype(np.float32)
    light = pixels[..., :3] @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    solid = pixels[..., 3] > DARK
    middle = float(np.median(light[solid])) if solid.any() else 0.0
    shade = 1 + SHADE * (light - middle)[..., None] / 255
    rgb = np.clip(np.array(COLOURS[colour], dtype=np.float32) * shade, 0, 255)
    return Image.fromarray(np.dstack([rgb, pixels[..., 3]]).astype(np.uint8))


def _off_plain_ground(rgb: np.ndarray) -> np.ndarray | None:
    rim = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
    ground = np.median(rim, axis=0)
    if (np.abs(rim - ground).max(1) < EVEN_DISTANCE).mean() < EVEN_SHARE:
        return None
    near = np.abs(rgb - ground).max(2) < EVEN_DISTANCE
    pieces, _ = ndimage.label(near)
    at_rim = np.unique(np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]]))
    outside = np.isin(pieces, at_rim[at_rim > 0])
    inside = ndimage.binary_opening(~outside, iterations=1)
    if not LEAST_AREA < inside.mean() < MOST_AREA:
        return None
    soft = ndimage.gaussian_filter(inside.astype(np.float32), 0.7)
    return (soft * 255).astype(np.uint8)
