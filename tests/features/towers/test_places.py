from __future__ import annotations

import pytest
import torch

from metaadapter.features.blocks import tower_blocks
from metaadapter.features.networks import shared_copy
from metaadapter.features.towers.places import find_places
from tests.random_networks import random_clip

# Tower, first and last place of the image tower, shapes of their outputs, and the number of places.
EXPECTED = [
    ("vit", "visual.transformer.resblocks.0", (17, 32), (17, 32), 3, False),
    ("resnet", "visual.layer1.0", (32, 16, 16), (256, 2, 2), 5, True),
    ("timm resnet", "visual.trunk.layer1.0", (32, 16, 16), (96, 2, 2), 4, True),
    ("timm vit", "visual.trunk.blocks.0", (101, 64), (101, 64), 6, False),
]


@pytest.mark.parametrize("row", EXPECTED, ids=lambda row: row[0])
def test_find_places__of_each_kind_of_tower__are_its_blocks_in_order(make_network, row):
    kind, first, first_shape, last_shape, n_places, is_map = row

    result = find_places(make_network(kind))

    assert len(result) == n_places
    assert result[0].name == first
    assert (result[0].shape, result[-1].shape) == (first_shape, last_shape)
    assert all(place.is_map == is_map for place in result)
    assert result[0].width == (first_shape[0] if is_map else first_shape[1])


def test_find_places__of_tiny__are_behind_its_sixteen_blocks(tiny):
    result = find_places(tiny.network)

    assert len(result) == 16
    assert result[-1].shape == (320, 7, 7)


@pytest.mark.parametrize(
    ("name", "size", "widths"),
    [
        ("regnetx_002", 64, [24, 56, 152, 368]),  # blocks that are siblings, in no list
        ("swin_tiny_patch4_window7_224", 224, [96, 192, 384, 768]),  # channels come last
    ],
)
def test_find_places__of_other_trunks_of_timm__are_their_stages(name, size, widths):
    vision = {"timm_model_name": name, "timm_pool": "avg", "image_size": size}
    network = random_clip(vision)

    result = find_places(network)

    assert [place.width for place in result] == widths
    if name == "regnetx_002":
        assert [place.name for place in result] == [f"visual.trunk.s{n}" for n in (1, 2, 3, 4)]
    else:
        assert not any(place.is_map for place in result)


@pytest.mark.parametrize("kind", ["vit", "resnet", "timm resnet", "timm vit"])
def test_places__changed_by_hooks__change_blocks_of_features_and_joint_alike(make_network, kind):
    network = make_network(kind)
    side = 160 if kind == "timm vit" else 64 if "resnet" in kind else 32
    pixels = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    changed = shared_copy(network)
    for place in find_places(network):
        changed.get_submodule(place.name).register_forward_hook(lambda _m, _i, out: 1.5 * out)

    blocks, plain = tower_blocks(changed.visual, pixels), changed.visual(pixels)

    assert torch.equal(blocks["joint"], plain)
    before = tower_blocks(network.visual, pixels)
    assert all(not torch.allclose(blocks[name], before[name]) for name in before)
