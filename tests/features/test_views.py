from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.functional import to_tensor

from metaadapter.features.views import _crop_size, _random_crop, view_pixels

SIDE = 16


def preprocess(picture: Image.Image) -> torch.Tensor:
    return to_tensor(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def look(picture: Image.Image) -> torch.Tensor:
    return preprocess(picture)[None]


def test_views__one_or_several__begin_with_the_centre_view_and_differ(photos):
    assert torch.equal(view_pixels(photos[0], look, 1, seed=3), look(photos[0])[None])

    views = view_pixels(photos[2], look, 8)

    assert views.shape == (8, 1, 3, SIDE, SIDE)
    assert torch.equal(views[0], look(photos[2]))
    assert len({view.numpy().tobytes() for view in views}) == 8


def test_views__global_random_state__plays_no_part(photos):
    torch.manual_seed(0)
    first = view_pixels(photos[0], look, 4, seed=1)

    torch.manual_seed(1)
    view_pixels(photos[1], look, 4, seed=1)
    again = view_pixels(photos[0], look, 4, seed=1)

    assert torch.equal(first, again)


def test_views__seed__draws_the_crops_of_which_more_keep_the_first(photos):
    few, many, other = (
        view_pixels(photos[0], look, n, seed=s) for n, s in ((3, 1), (6, 1), (3, 0))
    )

    assert torch.equal(few, many[:3])
    assert not torch.equal(few[1], other[1])


def test_views__pictures_of_one_size__are_cropped_differently():
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None, None], (64, 64, 3))
    brighter = ramp + np.uint8(1)

    one, other = (view_pixels(Image.fromarray(pixels), look, 6) for pixels in (ramp, brighter))

    assert 255 * (one[0] - other[0]).abs().max() == pytest.approx(1)
    assert 255 * (one[1:] - other[1:]).abs().max() > 4


def test_random_crop__mirrored_or_not__about_even():
    ramp = Image.fromarray(np.tile(np.arange(64, dtype=np.uint8)[:, None], (64, 1, 3)))

    crops = [
        np.asarray(_random_crop(ramp, (SIDE, SIDE), np.random.default_rng(k))) for k in range(400)
    ]

    mirrored = sum(int(crop[0, 0, 0]) > int(crop[0, -1, 0]) for crop in crops)
    assert 160 < mirrored < 240


def test_random_crop__pixels__are_a_part_of_the_picture_scaled():
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8))
    rng, witness = np.random.default_rng(5), np.random.default_rng(5)

    crop = _random_crop(picture, (SIDE, SIDE), rng)

    width, height = _crop_size(70, 50, witness)
    left = witness.integers(0, 70 - width + 1)
    top = witness.integers(0, 50 - height + 1)
    part = np.asarray(picture)[top : top + height, left : left + width]
    expected = np.asarray(Image.fromarray(part).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    if witness.random() < 0.5:
        expected = expected[:, ::-1]
    assert np.array_equal(np.asarray(crop), expected)


def test_crop_size__many_draws__has_torchvisions_distribution():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    picture = torch.empty(3, 60, 100)

    ours = np.array([_crop_size(100, 60, rng) for _ in range(4000)])
    theirs = np.array(
        [
            RandomResizedCrop.get_params(picture, [0.5, 1.0], [3 / 4, 4 / 3])[:1:-1]
            for _ in range(4000)
        ]
    )

    assert ours.mean(0) == pytest.approx(theirs.mean(0), rel=0.01)
    assert ours.std(0) == pytest.approx(theirs.std(0), rel=0.1)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 2**32))
def test_crop_size__any_picture__fits_into_it(width, height, seed):
    crop_width, crop_height = _crop_size(width, height, np.random.default_rng(seed))

    assert 1 <= crop_width <= width
    assert 1 <= crop_height <= height


def test_crop_size__panorama__is_the_widest_allowed_shape():
    assert _crop_size(1000, 30, np.random.default_rng(0)) == (40, 30)
