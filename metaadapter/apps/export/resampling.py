"""Pillow's resizing of one axis as a matrix, computed where the sizes are known: in the graph."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple, no_type_check

import numpy as np
import torch
from jaxtyping import Float64
from PIL import Image
from torch import Tensor

# Pillow computes with whole numbers of this precision (libImaging/Resample.c, PRECISION_BITS).
STEPS = 2.0**22
WHITE = 255


class Axis(NamedTuple):
    """What becomes of the rows or columns of a picture; sizes are in pixels, float64.

    Of the pixels from `first` on, `size` are resized to `resized`, and of these those from `kept`
    on are wanted.
    """

    first: Float64[Tensor, ""]
    size: Float64[Tensor, ""]
    resized: Float64[Tensor, ""]
    kept: Float64[Tensor, ""]


def resampling_matrix(
    axis: Axis, n_in: int | torch.SymInt, n_out: int, kernel: Callable[[Tensor], Tensor]
) -> Float64[Tensor, "n_out n_in"]:
    """The weight of each pixel of a picture in each wanted one, as Pillow's `Image.resize` has it.

    Args:
        axis: What is resized, and what is wanted of it.
        n_in: The pixels of the picture along the axis.
        n_out: The pixels that are wanted.
        kernel: One of `KERNELS`.
    """
    scale = axis.size / axis.resized
    wanted = torch.arange(n_out, dtype=torch.float64) + axis.kept
    given = torch.arange(n_in, dtype=torch.float64) - axis.first  # type: ignore[arg-type]
    # A smaller picture is a mean over more pixels: the kernel grows with the scale.
    away = (given + 0.5 - ((wanted + 0.5) * scale)[:, None]) / scale.clamp(min=1)
    is_there = (given >= 0) & (given < axis.size)
    weights = torch.where(is_there, kernel(away), torch.zeros_like(away))
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
    """Squares of this side out of pictures that are resized as Pillow does it, to the bit.

    It resizes one axis after the other and rounds to whole numbers from 0 to 255 after either. Sums
    of such numbers and its weights are exact in float64.

    Args:
        pixels: Pictures, whole numbers from 0 to 255.
        rows: What becomes of their height.
        columns: What becomes of their width.
        side: Rows and columns that are wanted.
        kernel: One of `KERNELS`.
        down_first: What `resizes_down_first` tells of the Pillow to agree with.
    """
    down = resampling_matrix(rows, pixels.shape[2], side, kernel)
    across = resampling_matrix(columns, pixels.shape[3], side, kernel).mT.contiguous()
    fewer_rows, fewer_columns = rows.size - rows.resized, columns.size - columns.resized
    is_tall = (fewer_rows > 0) & (fewer_rows > 2 * fewer_columns)
    found: Tensor
    if not down_first:
        found = _across_then_down(pixels, down, across)
    elif torch.compiler.is_compiling():
        found = torch.cond(is_tall, _down_then_across, _across_then_down, (pixels, down, across))
    else:  # torch.cond would compile for each size anew
        found = (_down_then_across if is_tall else _across_then_down)(pixels, down, across)
    return found


@cache
def resizes_down_first() -> bool:
    """Whether the Pillow that is installed resizes the columns of some pictures before the rows.

    Up to version 12 it never does. Version 13 does where the height shrinks, by more than twice as
    many pixels as the width.
    """
    height, width, side = 96, 16, 8
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    found = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)
    rows, columns = (Axis(*map(_exact, (0, size, side, 0))) for size in (height, width))
    across_first = resized(
        torch.from_numpy(pixels).permute(2, 0, 1)[None].double(),
        rows,
        columns,
        side,
        KERNELS["bicubic"],
        down_first=False,
    )
    return bool((across_first[0].permute(1, 2, 0).numpy() != np.asarray(found)).any())


def _exact(number: int) -> Float64[Tensor, ""]:
    return torch.tensor(float(number), dtype=torch.float64)


# Within torch.cond no shapes can be checked.
@no_type_check
def _across_then_down(pixels: Tensor, down: Tensor, across: Tensor) -> Tensor:
    return _whole(down @ _whole(pixels @ across))


@no_type_check
def _down_then_across(pixels: Tensor, down: Tensor, across: Tensor) -> Tensor:
    return _whole(_whole(down @ pixels) @ across)


@no_type_check
def _whole(pixels: Tensor) -> Tensor:
    return (pixels + 0.5).floor().clamp(0, WHITE)


def _cubic(away: Float64[Tensor, "*n"]) -> Float64[Tensor, "*n"]:
    """Keys' kernel with a = −1/2, Pillow's BICUBIC."""
    a, x = -0.5, away.abs()
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def _linear(away: Float64[Tensor, "*n"]) -> Float64[Tensor, "*n"]:
    """A triangle, Pillow's BILINEAR."""
    return (1 - away.abs()).clamp(min=0)


KERNELS: dict[str, Callable[[Tensor], Tensor]] = {"bicubic": _cubic, "bilinear": _linear}
"""By the names that torchvision has for them."""
