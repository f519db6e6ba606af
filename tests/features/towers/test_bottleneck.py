from __future__ import annotations

import pytest
import torch
from torch.nn.functional import gelu

from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.networks import shared_copy
from metaadapter.features.towers.bottleneck import Bottleneck, insert_bottlenecks
from metaadapter.features.towers.config import InsideConfig
from metaadapter.features.towers.inside import inside_tensors, restore_inside
from metaadapter.features.towers.places import find_places

CONFIG = InsideConfig(kind="bottleneck", towers=("image", "text"), width=4)


@pytest.mark.parametrize("is_map", [False, True])
def test_bottleneck__of_each_layout__is_down_gelu_up_beside_its_input(is_map):
    torch.manual_seed(0)
    bottleneck = Bottleneck(6, 3, is_map=is_map)
    torch.nn.init.normal_(bottleneck.up.weight)
    tokens = torch.randn(2, 20, 6)
    given = tokens.mT.reshape(2, 6, 4, 5) if is_map else tokens

    result = bottleneck(given)

    down, up = (item.weight.reshape(item.weight.shape[:2]) for item in bottleneck.children())
    middle = gelu(tokens @ down.T + bottleneck.down.bias)
    expected = tokens + middle @ up.T + bottleneck.up.bias
    result = result.flatten(2).mT if is_map else result
    torch.testing.assert_close(result, expected)


@pytest.fixture
def inserted(make_network):
    """The tensors of bottlenecks in a transformer."""
    copy = shared_copy(make_network("vit"))
    insert_bottlenecks(copy, find_places(copy), hidden=4)
    return inside_tensors(copy)


def damaged(tensors, **changes):
    start = "inside/image/visual.transformer.resblocks.0/"
    renamed = {start + name.replace("_", "."): tensor for name, tensor in changes.items()}
    return {name: tensor for name, tensor in (tensors | renamed).items() if tensor is not None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"down_weight": None}, "resblocks.0 does not fit the encoder: 'down.weight' is missing"),
        ({"down_weight": torch.zeros(4, 9)}, "resblocks.0 does not fit the encoder: .*mismatch"),
        ({"up_bias": None}, "resblocks.0 does not fit the encoder: .*Missing"),
        ({"other": torch.zeros(1)}, "resblocks.0 does not fit the encoder: .*Unexpected"),
    ],
)
def test_restore__of_damaged_bottlenecks__names_the_place(make_network, inserted, changes, message):
    with pytest.raises(IncompatibleArtifact, match=message):
        restore_inside(make_network("vit"), CONFIG, damaged(inserted, **changes))
