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


@pytest.fixture
def noise():
    return lambda height, width: np.random.default_rng(height * width).integers(
        0, 256, (height, width, 3), dtype=np.uint8
    )


@pytest.mark.parametrize("kernel", PILLOWS)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_resized__noise_of_any_size__is_pillows_to_the_bit(noise, kernel, height, width):
    pixels, side = noise(height, width), 24
    expected = Image.fromarray(pixels).resize((side, side), PILLOWS[kernel])

    found = resized(
        torch.from_numpy(pixels).permute(2, 0, 1)[None].double(),
        axis(0, height, side, 0),
        axis(0, width, side, 0),
        side,
        KERNELS[kernel],
        down_first=resizes_down_first(),
    )

    assert np.array_equal(found[0].permute(1, 2, 0).numpy(), np.asarray(expected))


def test_resized__part_of_a_picture_and_the_middle_of_it__is_pillows_crop_resize_and_crop(noise):
    pixels = noise(50, 70)
    part = Image.fromarray(pixels).crop((9, 4, 9 + 49, 4 + 35))
    expected = part.resize((28, 20), Image.Resampling.BICUBIC).crop((4, 0, 24, 20))

    found = resized(
        torch.from_numpy(pixels).permute(2, 0, 1)[None].double(),
        axis(4, 35, 20, 0),
        axis(9, 49, 28, 4),
        20,
        KERNELS["bicubic"],
        down_first=resizes_down_first(),
    )

    assert np.array_equal(found[0].permute(1, 2, 0).numpy(), np.asarray(expected))


def test_resampling_matrix__rows__sum_to_one_and_see_nothing_outside_the_part():
    weights = resampling_matrix(axis(3, 10, 5, 0), 20, 5, KERNELS["bicubic"])

    assert torch.allclose(weights.sum(1), torch.ones(5, dtype=torch.float64), atol=1e-5)
    assert not weights[:, :3].any()
    assert not weights[:, 13:].any()
