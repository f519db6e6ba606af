from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize

from metaadapter.labs.grounding.cross_modal import (
    CrossModalAdapter,
    CrossModalConfig,
    GroundingMaps,
)
from metaadapter.labs.grounding.ground import (
    Grounding,
    box_around_peak,
    example_vectors,
    ground,
    overlay,
)
from metaadapter.labs.grounding.tokens import picture_tokens


def picture(width=80, height=60):
    draw = np.random.default_rng(0)
    return Image.fromarray(draw.integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize(("kind", "grid"), [("vit", 4), ("resnet", 2), ("timm", 3)])
def test_any_tower_of_open_clip_grounds_without_training(make_encoder, kind, grid):
    (result,) = ground(make_encoder(kind, zoom=False), [picture()], "the red mug")

    left, top, right, bottom = result.box
    assert 0 <= left < right <= 1
    assert 0 <= top < bottom <= 1
    assert result.heat.shape == (4 * grid, 4 * grid)
    assert result.heat.sum() == pytest.approx(1)
    assert 0 < result.score <= 1


def test_the_pixels_of_a_square_picture_are_those_the_encoder_sees(make_encoder):
    encoder = make_encoder("timm", zoom=False)
    own = encoder.network.visual(encoder.preprocess(picture(64, 64))[None])

    tokens = picture_tokens(encoder, [picture(64, 64)], (64, 64))

    torch.testing.assert_close(tokens.joint_NHWD.mean((1, 2)), own, rtol=1e-3, atol=1e-4)


def test_the_box_is_around_all_hot_places_joined_to_the_peak():
    heat = np.zeros((10, 20))
    heat[2:5, 4:8] = 0.8
    heat[3, 6] = 1
    heat[8, 15:18] = 0.9  # hot too, and somewhere else

    assert box_around_peak(heat) == (4 / 20, 2 / 10, 8 / 20, 5 / 10)


def test_the_box_of_an_adapter_is_what_a_share_of_its_places_reaches_beyond():
    draw = torch.Generator().manual_seed(0)
    heat = 3 * torch.randn(5, 6, 8, generator=draw)
    distances = 0.3 * torch.rand(5, 6, 8, 4, generator=draw)
    distances[0] = 0.001  # boxes smaller than a place
    across, down = (torch.arange(8) + 0.5) / 8, (torch.arange(6) + 0.5) / 6
    centres = torch.stack(torch.meshgrid(across, down, indexing="xy"), -1)
    boxes = torch.cat([centres - distances[..., :2], centres + distances[..., 2:]], -1)

    result = GroundingMaps(heat, boxes, torch.zeros(len(heat))).boxes_at_peak()

    for task in range(5):
        places = list(
            zip(
                heat[task].flatten(),
                centres.reshape(-1, 2),
                boxes[task].reshape(-1, 4),
                strict=True,
            )
        )
        hottest = max(places, key=lambda place: place[0])
        box = hottest[2]
        for _ in range(4):
            kept = places_within(box, places, hottest)
            box = torch.stack([outer_side(kept, side) for side in range(4)]).clamp(0, 1)
        torch.testing.assert_close(result[task], box)


def places_within(box, places, hottest):
    """The places with their centre in a box, and the hottest."""
    return [
        place
        for place in places
        if place is hottest or ((place[1] >= box[:2]) & (place[1] <= box[2:])).all()
    ]


def outer_side(places, side):
    """The side that a fifth of the weight, the root of the heat, reaches or goes beyond."""
    weights = (torch.stack([place[0] for place in places]) / 2).softmax(0).tolist()
    inwards = sorted(zip((place[2][side] for place in places), weights, strict=True))
    share = 0.2 if side < 2 else 0.8
    reached = 0.0
    for value, weight in inwards:
        reached += weight
        if reached >= share:
            return value
    raise AssertionError


def test_examples_are_read_without_what_all_pictures_have_in_common():
    config = CrossModalConfig("vit", "", (32, 32), dim=4, stage_dim=6, logit_scale=1.0, width=8)
    adapter = CrossModalAdapter(config)
    adapter.centre.copy_(torch.tensor([0.6, 0.0, 0.0, 0.0]))

    vectors = example_vectors(torch.tensor([[3.0, 4.0, 0.0, 0.0]]), adapter)

    torch.testing.assert_close(vectors, normalize(torch.tensor([[0.0, 0.8, 0.0, 0.0]]), dim=-1))


def test_an_overlay_is_hot_where_the_heat_is_and_shows_the_box():
    heat = np.zeros((8, 8), dtype=np.float32)
    heat[1, 6] = 1
    grey = Image.new("RGB", (400, 400), (128, 128, 128))

    drawn = np.asarray(overlay(grey, Grounding((0.5, 0.5, 0.75, 0.75), 1.0, heat))).astype(int)

    assert drawn[75, 325].sum() > drawn[300, 100].sum() + 100
    assert drawn[200, 250].tolist() == [0, 0, 0]  # the line of the box
    assert drawn[202, 250].tolist() == [255, 255, 255]
