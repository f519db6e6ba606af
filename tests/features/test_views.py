from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.functional import to_tensor

from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.features.views import (
    ZOOM_WEIGHT,
    _crop_size,
    _random_crop,
    join_looks,
    unit_rows,
    view_pixels,
)

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


def test_views__seed__draws_the_crops_of_which_more_keep_the_first(photos):
    few, many, other = (
        view_pixels(photos[0], look, n, seed=s) for n, s in ((3, 1), (6, 1), (3, 0))
    )

    assert torch.equal(few, many[:3])
    assert not torch.equal(few[1], other[1])


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


FLOAT16 = 2e-3


def test_join__one_look_or_another_order__is_followed():
    looks = unit_rows(np.random.default_rng(0).standard_normal((6, 5))).reshape(3, 2, 5)

    np.testing.assert_array_equal(join_looks(looks[:, :1]), looks[:, 0])
    np.testing.assert_array_equal(join_looks(looks[::-1]), join_looks(looks)[::-1])


@given(arrays(np.float64, (2, 2, 4), elements=st.floats(0.1, 1)))
def test_join__cosine_of_two_pictures__is_the_weighted_mean_of_those_of_their_looks(values):
    looks = unit_rows(values.reshape(-1, 4)).reshape(values.shape)

    rows = join_looks(looks)

    whole, zoom = (looks[0] * looks[1]).sum(-1)
    share = 1 / (1 + ZOOM_WEIGHT**2)
    assert rows[0] @ rows[1] == pytest.approx(share * whole + (1 - share) * zoom)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1)


@pytest.fixture(scope="module")
def once() -> FrozenEncoder:
    return FrozenEncoder.load("tiny-128", device="cpu", zoom=False)


@pytest.fixture(scope="module")
def twice() -> FrozenEncoder:
    return FrozenEncoder.load("tiny-128", device="cpu")


def test_encoder__with_zoom__puts_the_features_of_both_looks_side_by_side(once, twice, photos):
    middles = []
    for photo in photos:
        width, height = (round(0.7 * side) for side in photo.size)
        left, top = (photo.width - width) // 2, (photo.height - height) // 2
        middles.append(photo.crop((left, top, left + width, top + height)))

    features = twice.encode_images(photos)

    apart = np.stack([once.encode_images(photos), once.encode_images(middles)], 1)
    np.testing.assert_allclose(features, join_looks(apart), atol=FLOAT16)
    assert twice.dim == 2 * once.dim == features.shape[1]


def test_encoders__with_and_without_zoom__never_match_and_name_the_option(once, twice):
    assert once.fingerprint.digest == twice.fingerprint.digest
    for one, other, option in ((once, twice, "zoom=no"), (twice, once, "zoom=yes")):
        with pytest.raises(IncompatibleArtifact, match=f"encode with {option} as well"):
            one.fingerprint.require_match(other.fingerprint, owner="the store birds/")
