"""Views of a picture (the whole, random crops), and looks at a view (all of it, its middle).

The looks at a view lie side by side in one row, and the row of a picture is the mean of its views.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, Float16, Float32
from PIL import Image, ImageOps
from torch import Tensor

from metaadapter.files.checksums import content_hash

# A crop has this fraction of the picture's area; the aspect ratios are torchvision's default.
AREA_FRACTION = (0.5, 1.0)
ASPECT_RATIO = (3 / 4, 4 / 3)
ATTEMPTS = 10
# Enough pixels to distinguish pictures, few enough to be fast.
THUMBNAIL = (32, 32)
# Rows turned into float32 at a time, so that averaging a large store needs little memory.
CHUNK_ROWS = 65_536

# The zoom on the middle, as a fraction of the width and of the height of a picture.
ZOOMED_FRACTION = 0.7
# The length of the zoom's features relative to those of the whole;
# docs/explanation/looks.md has the measurements.
ZOOM_WEIGHT = 0.7


def view_pixels(
    picture: Image.Image,
    look: Callable[[Image.Image], Tensor],
    n_views: int = 1,
    seed: int = 0,
) -> Float32[Tensor, "views looks 3 height width"]:
    """Return the preprocessed looks at a picture, then the looks at `n_views` − 1 random crops.

    The picture is upright RGB. Half of the crops are mirrored. A crop depends on the picture, the
    seed and the number of the view, but not on other pictures, the batch, or `n_views`.
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
    """Return a unit row for each picture, the mean of its views, which may be on disk."""
    n_pictures, n_views, dim = views.shape
    means = np.empty((n_pictures, dim), dtype=np.float32)
    step = max(1, CHUNK_ROWS // n_views)
    for start in range(0, n_pictures, step):
        chunk = views[start : start + step].astype(np.float32)
        means[start : start + step] = unit_rows(chunk.mean(axis=1))
    return means


def n_looks(zoom: bool) -> int:
    """Return the number of looks at a picture."""
    return 2 if zoom else 1


def look_widths(dim: int, zoom: bool, blocks: Sequence[int] = ()) -> tuple[int, ...]:
    """Return the widths of the blocks in a row, look by look; () for a single block."""
    widths = tuple(blocks or (dim // n_looks(zoom),)) * n_looks(zoom)
    return widths if len(widths) > 1 else ()


def joint_columns(dim: int, zoom: bool, blocks: Mapping[str, int]) -> list[int]:
    """Return the columns of the joint blocks in a row; all columns if there is no other block."""
    wide = dim // n_looks(zoom)
    joint = blocks.get("joint", wide)
    return [column for first in range(0, dim, wide) for column in range(first, first + joint)]


def looks_in_words(zoom: bool, blocks: Iterable[str] = ()) -> str:
    """Return words to follow a number of views: " with zoom, blocks joint and stages", or ""."""
    parts = [" with zoom"] if zoom else []
    return "".join([*parts, *([f", blocks {' and '.join(blocks)}"] if blocks else [])])


def look_at(
    picture: Image.Image, preprocess: Callable[[Image.Image], Tensor], zoom: bool
) -> Float32[Tensor, "looks 3 height width"]:
    """Preprocess an upright RGB picture and, with `zoom`, also its middle."""
    whole = preprocess(picture)
    if not zoom:
        return whole[None]
    width, height = (max(1, round(ZOOMED_FRACTION * side)) for side in picture.size)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    middle = picture.crop((left, top, left + width, top + height))
    return torch.stack([whole, preprocess(middle)])


def join_looks(looks: Float[np.ndarray, "n looks width"]) -> Float[np.ndarray, "n dim"]:
    """Put the unit rows of looks side by side; cosines then are weighted means over the looks."""
    if looks.shape[1] == 1:
        return looks[:, 0]
    weights = np.array([1, ZOOM_WEIGHT], dtype=looks.dtype)
    weighted: np.ndarray = looks * (weights / np.linalg.norm(weights))[:, None]
    return weighted.reshape(len(looks), -1)


def _stream(picture: Image.Image, seed: int, view: int) -> np.random.Generator:
    thumbnail = picture.resize(THUMBNAIL, Image.Resampling.NEAREST)
    key = content_hash(f"{seed} {view} {picture.size} ".encode() + thumbnail.tobytes())
    return np.random.default_rng(int(key, 16))


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
    """Return (width, height) by torchvision's rule: draw area and aspect until the crop fits."""
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
