"""The module for square pictures of one size gives what the encoder's preprocessing gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from metaadapter.apps.export.picture_pixels import PicturePixels
from metaadapter.apps.export.square_pixels import SquarePixels, square_side
from metaadapter.features.views import ZOOMED_FRACTION
from tests.apps.export.conftest import DEVIATION

KINDS = ("shortest", "squash", "cropped", "floored", "squashed first")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("zoom", [True, False])
def test_square_pixels__are_those_preprocessed_but_for_rounding(
    make_encoder, preprocessing, kind, zoom
):
    encoder = make_encoder(preprocessing[kind], zoom=zoom)
    pixels = PicturePixels(encoder)
    side = square_side(pixels)
    draw = np.random.default_rng(0)
    pictures = draw.integers(0, 256, (20, side, side, 3), dtype=np.uint8)
    module = SquarePixels(pixels)

    result = torch.cat([module(torch.from_numpy(picture)[None]) for picture in pictures])

    expected = torch.stack([encoder.look(Image.fromarray(picture)) for picture in pictures])
    steps = (result - expected).abs() * torch.tensor(DEVIATION)[:, None, None] * 255
    assert steps.max() < 1.001
    assert (steps > 0.5).float().mean() < 1e-3
    assert {*module.state_dict()} == {"down", "across", "mean", "deviation"}
    assert all(value.dtype == torch.float32 for value in module.state_dict().values())


@pytest.mark.parametrize(("zoom", "kind", "side"), [(True, "shortest", 35), (False, "cropped", 29)])
def test_square_side__is_the_smallest_that_no_look_enlarges(
    make_encoder, preprocessing, zoom, kind, side
):
    pixels = PicturePixels(make_encoder(preprocessing[kind], zoom=zoom))

    assert square_side(pixels) == side
    middle = round(side * ZOOMED_FRACTION) if zoom else side
    assert middle >= pixels.resized > middle - 1
