from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from torchvision.transforms.functional import to_tensor

from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.views import ZOOM_WEIGHT, join_looks, look_at, unit_rows, view_pixels

SIDE = 20
FLOAT16 = 2e-3


def preprocess(picture: Image.Image) -> torch.Tensor:
    return to_tensor(picture.resize((SIDE, SIDE), Image.Resampling.NEAREST))


def some_looks(n: int = 3, width: int = 5, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((2 * n, width))
    return unit_rows(rows).reshape(n, 2, width)


def test_look__without_zoom__is_the_preprocessed_picture(photos):
    assert torch.equal(look_at(photos[0], preprocess, zoom=False), preprocess(photos[0])[None])


def test_look__with_zoom__adds_the_middle_seven_tenths_of_each_side():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)

    whole, middle = look_at(Image.fromarray(pixels), preprocess, zoom=True)

    assert torch.equal(whole, preprocess(Image.fromarray(pixels)))
    assert torch.equal(middle, preprocess(Image.fromarray(pixels[6:34, 9:51])))


@given(st.integers(1, 3), st.integers(1, 3))
def test_look__pictures_of_few_pixels__can_be_zoomed_into(width, height):
    looks = look_at(Image.new("RGB", (width, height)), preprocess, zoom=True)

    assert looks.shape == (2, 3, SIDE, SIDE)


def test_join__one_look_or_another_order__is_followed():
    looks = some_looks()

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


def test_encoder__with_zoom__texts_say_the_same_of_each_look(once, twice, photos):
    texts, rows = twice.encode_texts(["red fox", "heron"]), once.encode_texts(["red fox", "heron"])

    np.testing.assert_allclose(texts @ texts.T, rows @ rows.T, atol=1e-6)
    pictures = twice.encode_images(photos)
    whole, zoom = np.split(pictures, 2, axis=1)
    expected = (whole + ZOOM_WEIGHT * zoom) @ rows.T / np.hypot(1, ZOOM_WEIGHT)
    np.testing.assert_allclose(pictures @ texts.T, expected, atol=1e-5)


def test_encoder__random_crops_and_zoom__zoom_into_each_crop(once, twice, photos):
    feature = twice.encode_images(photos[:1], views=3, seed=4)

    pixels = view_pixels(photos[0], twice.look, 3, seed=4)
    assert torch.equal(pixels[:, 0], view_pixels(photos[0], once.look, 3, seed=4)[:, 0])
    assert not any(torch.equal(whole, zoom) for whole, zoom in pixels)
    expected = unit_rows(twice.encode_looks(pixels).mean(0, keepdims=True))
    np.testing.assert_allclose(feature, expected, atol=FLOAT16)


def test_encoders__with_and_without_zoom__never_match_and_name_the_option(once, twice):
    assert once.fingerprint.digest == twice.fingerprint.digest
    for one, other, option in ((once, twice, "--no-zoom"), (twice, once, "--zoom")):
        with pytest.raises(IncompatibleArtifact, match=f"encode with {option} as well"):
            one.fingerprint.require_match(other.fingerprint, owner="the store birds/")
