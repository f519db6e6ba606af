"""Pillow's resizing of one axis as a matrix, computed where the sizes are known: in the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor

__all__ = ["KERNELS", "Axis", "resampling_matrix", "resized"]

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
    axis: Axis, n_in: int, n_out: int, kernel: Callable[[Tensor], Tensor]
) -> Float32[Tensor, "n_out n_in"]:
    """The weight of each pixel of a picture in each wanted one, as Pillow's `Image.resize` has it.

    Args:
        axis: What is resized, and what is wanted of it.
        n_in: The pixels of the picture along the axis.
        n_out: The pixels that are wanted.
        kernel: One of `KERNELS`.
    """
    scale = axis.size / axis.resized
    wanted = torch.arange(n_out, dtype=torch.float64) + axis.kept
    given = torch.arange(n_in, dtype=torch.float64) - axis.first
    # A smaller picture is a mean over more pixels: the kernel grows with the scale.
    away = (given + 0.5 - ((wanted + 0.5) * scale)[:, None]) / scale.clamp(min=1)
    is_there = (given >= 0) & (given < axis.size)
    weights = torch.where(is_there, kernel(away), torch.zeros_like(away))
    weights = weights / weights.sum(1, keepdim=True)
    return (weights * STEPS).round() / STEPS


def resized(
    pixels: Float32[Tensor, "n 3 height width"],
    down: Float32[Tensor, "height_out height"],
    across: Float32[Tensor, "width_out width"],
) -> Float32[Tensor, "n 3 height_out width_out"]:
    """Pictures of whole numbers from 0 to 255 resized as Pillow does: across, then down.

    It rounds to such numbers after either. Sums of float32 come out one step beside its own where
    they lie within a ten-thousandth of half a step: 2 to 100 pixels in a million.
    """
    return _whole(down @ _whole(pixels @ across.T))


def _whole(pixels: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
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
