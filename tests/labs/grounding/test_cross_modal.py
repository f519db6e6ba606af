from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.labs.grounding.cross_modal import CrossModalAdapter, CrossModalConfig, frozen_map
from metaadapter.labs.grounding.tokens import PhraseTokens, PictureTokens

CONFIG = CrossModalConfig(
    "tiny", "digest", (64, 64), dim=12, stage_dim=6, logit_scale=17.0, width=8
)


@pytest.fixture
def adapter():
    torch.manual_seed(0)
    return CrossModalAdapter(CONFIG)


@pytest.fixture
def moved(adapter):
    """An adapter whose last projection is no longer zero."""
    with torch.no_grad():
        adapter.up.weight.normal_()
    return adapter.eval().requires_grad_(False)


def pictures(n=3):
    draw = torch.Generator().manual_seed(1)
    shapes = (n, 3, 3, 12), (n, 6, 6, 6), (n, 6, 6, 6)
    return PictureTokens(*(torch.rand(shape, generator=draw) for shape in shapes))


def phrases(length=4):
    draw = torch.Generator().manual_seed(2)
    vectors = normalize(torch.randn(3, length, 12, generator=draw), dim=-1)
    kinds = torch.tensor([0, 1, 1, 2, 3][:length]).expand(3, -1)
    return PhraseTokens(vectors, kinds, torch.zeros(3, length, dtype=torch.long))


def test_an_untrained_adapter_gives_the_frozen_map_to_the_bit(adapter):
    words = phrases()
    joint = pictures().joint_NHWD

    result = adapter(pictures(), words)

    assert torch.equal(result.heat_Thw, frozen_map(joint, words.vectors_TLD[:, 0], 17.0, (6, 6)))


def test_the_frozen_map_is_the_cosine_of_each_place_and_the_phrase():
    tokens, words = pictures(), phrases()
    expected = torch.cosine_similarity(tokens.joint_NHWD[1, 2, 0], words.vectors_TLD[1, 0], dim=0)

    result = frozen_map(tokens.joint_NHWD, words.vectors_TLD[:, 0], 17.0, (3, 3))

    torch.testing.assert_close(result[1, 2, 0], 17.0 * expected)


def test_each_task_is_answered_as_it_is_alone(moved):
    words = phrases()
    together = moved(pictures(), words)

    for task in range(3):
        picture = PictureTokens(*(part[task : task + 1] for part in pictures()))
        alone = PhraseTokens(*(part[task : task + 1] for part in words))
        result = moved(picture, alone)
        torch.testing.assert_close(result.heat_Thw[0], together.heat_Thw[task])
        torch.testing.assert_close(result.boxes_Thw4[0], together.boxes_Thw4[task])
        torch.testing.assert_close(result.presence_T[0], together.presence_T[task])


def test_boxes_are_around_their_places(moved):
    boxes = moved(pictures(), phrases()).boxes_Thw4
    centres = (torch.arange(6) + 0.5) / 6
    places_hw2 = torch.stack(torch.meshgrid(centres, centres, indexing="xy"), -1)
    assert (boxes[..., :2] < places_hw2).all()
    assert (boxes[..., 2:] > places_hw2).all()


def test_every_weight_learns(moved):
    moved.requires_grad_(True)
    result = moved(pictures(), phrases(5))
    of_maps = result.heat_Thw.square().sum() + result.boxes_Thw4.sum()
    (of_maps + result.presence_T.square().sum()).backward()

    silent = [
        name
        for name, weight in moved.named_parameters()
        if weight.grad is None or not weight.grad.any()
    ]
    # Adding one number to all logits of a softmax changes nothing.
    among = ("among_words.key.bias", "among_patches.key.bias")
    assert silent == [name for name in silent if name.endswith(among)]
