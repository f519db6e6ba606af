"""The module gives for decoded pictures what the encoder's preprocessing gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms as steps

from metaadapter.apps.export.picture_pixels import PicturePixels
from metaadapter.errors import UsageError

# Upright, lying, tall (Pillow 13 begins with the other axis), smaller than the encoder's, and those
# whose middle, or the middle of what is left, falls on half a pixel.
SIZES = [(80, 60), (60, 80), (190, 30), (30, 190), (9, 5), (45, 65), (24, 24), (1, 1), (51, 49)]


def noise(height, width, n=1):
    draw = np.random.default_rng(height + 1000 * width)
    return draw.integers(0, 256, (n, height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["shortest", "squash", "cropped", "floored", "squashed first"])
@pytest.mark.parametrize("zoom", [True, False])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_pixels__of_any_size__are_those_preprocessed(
    make_encoder, preprocessing, kind, zoom, height, width
):
    encoder, picture = make_encoder(preprocessing[kind], zoom=zoom), noise(height, width)

    (result,) = PicturePixels(encoder)(torch.from_numpy(picture))

    assert torch.equal(result, encoder.look(Image.fromarray(picture[0])))


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
