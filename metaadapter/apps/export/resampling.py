"""Pillow's resizing of one axis as a matrix, which the graph computes from the sizes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple, no_type_check

import numpy as np
import torch
from jaxtyping import Float64
from PIL import Image
from torch import Tensor

# Pillow rounds its weights to this precision (libImaging/Resample.c, PRECISION_BITS).
STEPS = 2.0**22
WHITE = 255


class Axis(NamedTuple):
    """The resizing of the rows or columns of a picture; sizes are in pixels, float64.

    `size` pixels from `first` on become `resized` pixels; the result begins at pixel `kept`.
    """

    first: Float64[Tensor, ""]
    size: Float64[Tensor, ""]
    resized: Float64[Tensor, ""]
    kept: Float64[Tensor, ""]


def resampling_matrix(
    axis: Axis, n_in: int | torch.SymInt, n_out: int, kernel: Callable[[Tensor], Tensor]
) -> Float64[Tensor, "n_out n_in"]:
    """Return the weight of each input pixel in each output pixel, as in Pillow's `Image.resize`."""
    scale = axis.size / axis.resized
    target = torch.arange(n_out, dtype=torch.float64) + axis.kept
    source = torch.arange(n_in, dtype=torch.float64) - axis.first  # type: ignore[arg-type]
    # In a smaller picture, a pixel averages more input pixels: the kernel grows with the scale.
    distance = (source + 0.5 - ((target + 0.5) * scale)[:, None]) / scale.clamp(min=1)
    is_inside = (source >= 0) & (source < axis.size)
    weights = torch.where(is_inside, kernel(distance), torch.zeros_like(distance))
    weights = weights / weights.sum(1, keepdim=True)
    return (weights * STEPS).round() / STEPS


def resized(
    pixels: Float64[Tensor, "n 3 height width"],
    rows: Axis,
    columns: Axis,
    side: int,
    kernel: Callable[[Tensor], Tensor],
    *,
    down_first: bool,
) -> Float64[Tensor, "n 3 side side"]:
    """Resize pictures (integers from 0 to 255) to squares exactly as Pillow does, bit for bit.

    Pillow resizes one axis after the other, and rounds to integers from 0 to 255 after each. Sums
    of these integers times Pillow's weights are exact in float64. `down_first` is the value of
    `resizes_down_first` for the version of Pillow to match.
    """
    down = resampling_matrix(rows, pixels.shape[2], side, kernel)
    across = resampling_matrix(columns, pixels.shape[3], side, kernel).mT.contiguous()
    fewer_rows, fewer_columns = rows.size - rows.resized, columns.size - columns.resized
    is_tall = (fewer_rows > 0) & (fewer_rows > 2 * fewer_columns)
    squares: Tensor
    if not down_first:
        squares = _across_then_down(pixels, down, across)
    elif torch.compiler.is_compiling():
        squares = torch.cond(is_tall, _down_then_across, _across_then_down, (pixels, down, across))
    else:  # torch.cond would compile again for each size
        squares = (_down_then_across if is_tall else _across_then_down)(pixels, down, across)
    return squares


@cache
def resizes_down_first() -> bool:
    """Return whether the installed Pillow resizes the columns of some pictures before the rows.

    Up to version 12 it never does. Version 13 does if the height shrinks, and by more than twice as
    many pixels as the width.
    """
    height, width, side = 96, 16, 8
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    expected = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)
    rows, columns = (Axis(*map(_scalar, (0, size, side, 0))) for size in (height, width))
    across_first = resized(
        torch.from_numpy(pixels).permute(2, 0, 1)[None].double(),
        rows,
        columns,
        side,
        KERNELS["bicubic"],
        down_first=False,
    )
    return bool((across_first[0].permute(1, 2, 0).numpy() != np.asarray(expected)).any())


def _scalar(number: int) -> Float64[Tensor, ""]:
    return torch.tensor(float(number), dtype=torch.float64)


# Shapes cannot be checked within torch.cond.
@no_type_check
def _across_then_down(pixels: Tensor, down: Tensor, across: Tensor) -> Tensor:
    return _rounded(down @ _rounded(pixels @ across))


@no_type_check
def _down_then_across(pixels: Tensor, down: Tensor, across: Tensor) -> Tensor:
    return _rounded(_rounded(down @ pixels) @ across)


@no_type_check
def _rounded(pixels: Tensor) -> Tensor:
    return (pixels + 0.5).floor().clamp(0, WHITE)


def _cubic(distance: Float64[Tensor, "*n"]) -> Float64[Tensor, "*n"]:
    """The cubic kernel of Keys with a = −1/2, which Pillow calls BICUBIC."""
    a, x = -0.5, distance.abs()
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def _linear(distance: Float64[Tensor, "*n"]) -> Float64[Tensor, "*n"]:
    """The triangular kernel, which Pillow calls BILINEAR."""
    return (1 - distance.abs()).clamp(min=0)


KERNELS: dict[str, Callable[[Tensor], Tensor]] = {"bicubic": _cubic, "bilinear": _linear}
"""Name of the interpolation in torchvision → kernel."""
