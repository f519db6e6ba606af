"""The looks at a picture, the whole and a zoom on its middle, side by side in one row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32
from PIL import Image
from torch import Tensor

# The zoom on the middle, as a fraction of the width and of the height of a picture.
ZOOMED_FRACTION = 0.7
# The length of the zoom's features relative to those of the whole;
# docs/explanation/looks.md has the measurements.
ZOOM_WEIGHT = 0.7


def n_looks(zoom: bool) -> int:
    """The number of looks at a picture."""
    return 2 if zoom else 1


def look_widths(dim: int, zoom: bool, blocks: Sequence[int] = ()) -> tuple[int, ...]:
    """The widths of the blocks of a row of joined looks, look by look; () for a single block."""
    widths = tuple(blocks or (dim // n_looks(zoom),)) * n_looks(zoom)
    return widths if len(widths) > 1 else ()


def joint_columns(dim: int, zoom: bool, blocks: Mapping[str, int]) -> list[int]:
    """The columns of the joint blocks in a row of joined looks; all, without other blocks."""
    wide = dim // n_looks(zoom)
    joint = blocks.get("joint", wide)
    return [first + column for first in range(0, dim, wide) for column in range(joint)]


def text_places(dim: int, zoom: bool, blocks: Mapping[str, int]) -> tuple[tuple[slice, float], ...]:
    """The columns of a text in a row of joined looks, and its length there, look by look.

    All other columns of a text are 0.
    """
    wide = dim // n_looks(zoom)
    joint = blocks.get("joint", wide)
    weights = np.array([1, ZOOM_WEIGHT][: n_looks(zoom)])
    lengths = weights / np.linalg.norm(weights)
    return tuple(
        (slice(first, first + joint), float(length))
        for first, length in zip(range(0, dim, wide), lengths, strict=True)
    )


def looks_in_words(zoom: bool, blocks: Iterable[str] = ()) -> str:
    """Words to follow a number of views: " with zoom, blocks joint and stages", or ""."""
    parts = [" with zoom"] if zoom else []
    return "".join([*parts, *([f", blocks {' and '.join(blocks)}"] if blocks else [])])


def look_at(
    picture: Image.Image, preprocess: Callable[[Image.Image], Tensor], zoom: bool
) -> Float32[Tensor, "looks 3 height width"]:
    """Preprocess an upright RGB picture, and with `zoom` also its middle."""
    whole = preprocess(picture)
    if not zoom:
        return whole[None]
    width, height = (max(1, round(ZOOMED_FRACTION * side)) for side in picture.size)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    middle = picture.crop((left, top, left + width, top + height))
    return torch.stack([whole, preprocess(middle)])


def join_looks(looks: Float[np.ndarray, "n looks width"]) -> Float[np.ndarray, "n dim"]:
    """Put the unit rows of the looks at each picture side by side, weighted, as a unit row.

    The cosine of two such rows is the weighted mean of the cosines of the looks; so it is with
    a text that is repeated for each look.
    """
    if looks.shape[1] == 1:
        return looks[:, 0]
    weights = np.array([1, ZOOM_WEIGHT], dtype=looks.dtype)
    weighted: np.ndarray = looks * (weights / np.linalg.norm(weights))[:, None]
    return weighted.reshape(len(looks), -1)
