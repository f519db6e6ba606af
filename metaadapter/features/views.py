"""Views of a picture, the whole and random crops, and their mean as one unit row."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Float16, Float32
from PIL import Image, ImageOps
from torch import Tensor

# The area fractions for which views were measured; the aspect ratios are torchvision's default.
AREA_FRACTION = (0.5, 1.0)
ASPECT_RATIO = (3 / 4, 4 / 3)
ATTEMPTS = 10
# Enough pixels to distinguish pictures, few enough to be fast.
THUMBNAIL = (32, 32)
# Rows turned into float32 at a time, so that averaging a large store needs little memory.
CHUNK_ROWS = 65_536


def view_pixels(
    picture: Image.Image,
    look: Callable[[Image.Image], Tensor],
    n_views: int = 1,
    seed: int = 0,
) -> Float32[Tensor, "views looks 3 height width"]:
    """Preprocess the looks at an upright RGB picture, then those at `n_views` − 1 random crops.

    Half of the crops are mirrored. They depend on the picture, the seed and the number of the view,
    but not on the order of the pictures, their batch, or the number of views.
    """
    whole = look(picture)
    if n_views == 1:
        return whole[None]
    height, width = whole.shape[-2:]
    crops = (
        _random_crop(picture, (width, height), _stream(picture, seed, view))
        for view in range(1, n_views)
    )
    # The crops have the encoder's size, so preprocessing neither scales nor crops them again.
    return torch.stack([whole, *map(look, crops)])


def unit_rows(features: Float[np.ndarray, "rows dim"]) -> Float[np.ndarray, "rows dim"]:
    """Scale each row to length 1; a row of zeros stays zero."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    unit: np.ndarray = features / np.maximum(lengths, np.finfo(features.dtype).tiny)
    return unit


def mean_of_views(
    views: Float16[np.ndarray, "pictures views dim"],
) -> Float32[np.ndarray, "pictures dim"]:
    """Average the views of each picture, which may be on disk, to one unit row."""
    n_pictures, n_views, dim = views.shape
    means = np.empty((n_pictures, dim), dtype=np.float32)
    step = max(1, CHUNK_ROWS // n_views)
    for start in range(0, n_pictures, step):
        chunk = views[start : start + step].astype(np.float32)
        means[start : start + step] = unit_rows(chunk.mean(axis=1))
    return means


def _stream(picture: Image.Image, seed: int, view: int) -> np.random.Generator:
    thumbnail = picture.resize(THUMBNAIL, Image.Resampling.NEAREST)
    key = hashlib.sha256(f"{seed} {view} {picture.size} ".encode() + thumbnail.tobytes())
    return np.random.default_rng(int.from_bytes(key.digest()))


def _random_crop(
    picture: Image.Image, size: tuple[int, int], rng: np.random.Generator
) -> Image.Image:
    width, height = _crop_size(*picture.size, rng)
    left = int(rng.integers(picture.width - width, endpoint=True))
    top = int(rng.integers(picture.height - height, endpoint=True))
    crop = picture.crop((left, top, left + width, top + height))
    crop = crop.resize(size, Image.Resampling.BICUBIC)
    return ImageOps.mirror(crop) if rng.random() < 0.5 else crop


def _crop_size(width: int, height: int, rng: np.random.Generator) -> tuple[int, int]:
    """(width, height) by torchvision's rule: draw area and aspect ratio until the crop fits."""
    low, high = (math.log(ratio) for ratio in ASPECT_RATIO)
    for _ in range(ATTEMPTS):
        area = width * height * rng.uniform(*AREA_FRACTION)
        ratio = math.exp(rng.uniform(low, high))
        crop = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < crop[0] <= width and 0 < crop[1] <= height:
            return crop
    # The picture is a panorama: no crop of such a shape has half the area.
    longest = ASPECT_RATIO[1]
    return min(width, math.ceil(height * longest)), min(height, math.ceil(width * longest))
