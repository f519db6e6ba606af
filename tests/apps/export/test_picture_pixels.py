"""The module gives for decoded pictures what the encoder's preprocessing gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms as steps

from metaadapter.apps.export.picture_pixels import PicturePixels
from metaadapter.errors import UsageError
from metaadapter.features.views import ZOOMED_FRACTION
from tests.apps.export.conftest import DEVIATION

KINDS = ("shortest", "squash", "cropped", "floored", "squashed first")

# Upright, lying, tall (Pillow 13 begins with the other axis), smaller than the encoder's, and those
# whose middle, or the middle of what is left, falls on half a pixel.
SIZES = [(80, 60), (60, 80), (190, 30), (30, 190), (9, 5), (45, 65), (24, 24), (1, 1), (51, 49)]


def noise(height, width, n=1):
    draw = np.random.default_rng(height + 1000 * width)
    return draw.integers(0, 256, (n, height, width, 3), dtype=np.uint8)


def assert_same_but_for_rounding(result, expected):
    """Whether few values differ, by 1 of 255."""
    steps = (result - expected).abs() * torch.tensor(DEVIATION)[:, None, None] * 255
    assert steps.max() < 1.001
    assert (steps > 0.5).float().mean() < 1e-2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("zoom", [True, False])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_pixels__of_any_size__are_those_preprocessed(
    make_encoder, preprocessing, kind, zoom, height, width
):
    encoder, picture = make_encoder(preprocessing[kind], zoom=zoom), noise(height, width)

    (result,) = PicturePixels(encoder)(torch.from_numpy(picture))

    assert torch.equal(result, encoder.look(Image.fromarray(picture[0])))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("zoom", [True, False])
def test_pixels__of_squares__are_those_preprocessed_in_single_precision(
    make_encoder, preprocessing, kind, zoom
):
    encoder = make_encoder(preprocessing[kind], zoom=zoom)
    module = PicturePixels(encoder, square=True)
    side = module.square_side
    pictures = np.concatenate([noise(side, side), noise(side, side)[:, ::-1].copy()])

    result = torch.cat([module(torch.from_numpy(picture)[None]) for picture in pictures])

    expected = torch.stack([encoder.look(Image.fromarray(picture)) for picture in pictures])
    assert_same_but_for_rounding(result, expected)
    assert {*module.state_dict()} == {"down", "across", "mean", "deviation"}
    assert all(value.dtype == torch.float32 for value in module.state_dict().values())


@pytest.mark.parametrize(("zoom", "kind", "side"), [(True, "shortest", 35), (False, "cropped", 29)])
def test_square_side__is_the_smallest_that_no_look_enlarges(
    make_encoder, preprocessing, zoom, kind, side
):
    pixels = PicturePixels(make_encoder(preprocessing[kind], zoom=zoom))

    assert pixels.square_side == side
    middle = round(side * ZOOMED_FRACTION) if zoom else side
    resized = 29 if kind == "cropped" else 24
    assert middle >= resized > middle - 1


def test_pixels__of_several_pictures__are_those_of_each(make_encoder):
    pixels, pictures = PicturePixels(make_encoder()), torch.from_numpy(noise(40, 31, n=3))

    together = pixels(pictures)

    assert torch.equal(together, torch.cat([pixels(picture[None]) for picture in pictures]))


@pytest.mark.parametrize(
    ("transforms", "reason"),
    [
        ([steps.Resize(24), steps.CenterCrop(24), steps.ToTensor()], "has no Resize and Normalize"),
        ([steps.Resize(24, steps.InterpolationMode.NEAREST), steps.CenterCrop(24)], "nearest"),
        ([steps.Resize(24)], "does not end in a square"),
        ([steps.Resize(20), steps.CenterCrop(24)], "does not end in a square"),
        ([steps.Resize(24), steps.CenterCrop(24), steps.Grayscale(3)], "has Grayscale"),
    ],
)
def test_pixels__preprocessing_of_another_kind__is_refused(make_encoder, transforms, reason):
    more = [steps.ToTensor(), steps.Normalize([0.5] * 3, [0.5] * 3)]
    encoder = make_encoder(transforms + ([] if "no Resize" in reason else more))

    with pytest.raises(UsageError, match=f"the encoder small cannot be exported.*{reason}"):
        PicturePixels(encoder)
