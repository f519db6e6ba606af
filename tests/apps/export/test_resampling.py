"""Pillow's own resizing is what the matrices have to give, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from metaadapter.apps.export.resampling import (
    KERNELS,
    Axis,
    resampling_matrix,
    resized,
    resizes_down_first,
)

PILLOWS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
SIZES = [(60, 40), (40, 60), (17, 5), (96, 11), (9, 120), (24, 24), (7, 48), (1, 1), (130, 33)]


def axis(*sizes):
    return Axis(*(torch.tensor(float(size), dtype=torch.float64) for size in sizes))


def assert_resized(pixels, rows, columns, side, kernel, expected):
    """Whether the part of a picture is Pillow's to the bit."""
    pixels = torch.from_numpy(pixels).permute(2, 0, 1)[None].double()
    down_first = resizes_down_first()
    result = resized(pixels, rows, columns, side, KERNELS[kernel], down_first=down_first)
    assert np.array_equal(result[0].permute(1, 2, 0).numpy(), np.asarray(expected))


def noise(height, width):
    draw = np.random.default_rng(height * width)
    return draw.integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("kernel", PILLOWS)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_resized__noise_of_any_size__is_pillows_to_the_bit(kernel, height, width):
    pixels = noise(height, width)
    expected = Image.fromarray(pixels).resize((24, 24), PILLOWS[kernel])

    assert_resized(pixels, axis(0, height, 24, 0), axis(0, width, 24, 0), 24, kernel, expected)


def test_resized__part_of_a_picture_and_the_middle_of_it__is_pillows_crop_resize_and_crop():
    pixels = noise(50, 70)
    part = Image.fromarray(pixels).crop((9, 4, 9 + 49, 4 + 35))
    expected = part.resize((28, 20), Image.Resampling.BICUBIC).crop((4, 0, 24, 20))

    assert_resized(pixels, axis(4, 35, 20, 0), axis(9, 49, 28, 4), 20, "bicubic", expected)


def test_resampling_matrix__rows__sum_to_one_and_see_nothing_outside_the_part():
    weights = resampling_matrix(axis(3, 10, 5, 0), 20, 5, KERNELS["bicubic"])

    assert torch.allclose(weights.sum(1), torch.ones(5, dtype=torch.float64), atol=1e-5)
    assert not weights[:, :3].any()
    assert not weights[:, 13:].any()
