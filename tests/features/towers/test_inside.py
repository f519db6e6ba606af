from __future__ import annotations

import pytest
import torch
from torch.nn.functional import gelu

from metaadapter.features.networks import shared_copy
from metaadapter.features.towers.config import InsideConfig
from metaadapter.features.towers.inside import (
    Bottleneck,
    insert_inside,
    inside_tensors,
    restore_inside,
)
from metaadapter.features.towers.places import find_places
from tests.random_networks import unchanged

TOWERS = ["vit", "resnet", "timm resnet", "timm vit"]
CONFIG = InsideConfig(width=4)
BLOCK = "visual.transformer.resblocks.0"


def inserted(network):
    """A copy whose adapters change something."""
    copy = shared_copy(network)
    insert_inside(copy, CONFIG, find_places(network))
    draw = torch.Generator().manual_seed(3)
    for name, tensor in inside_tensors(copy).items():
        if name.rpartition("/")[2].startswith("up"):
            tensor.normal_(generator=draw)
    return copy


@pytest.mark.parametrize("tower", [*TOWERS, "tiny"])
def test_insert__before_training__gives_the_same_to_the_bit(make_network, tiny, answers, tower):
    network = tiny.network if tower == "tiny" else make_network(tower)
    copy = shared_copy(network)

    parameters = insert_inside(copy, CONFIG, find_places(network))

    assert len(parameters) == len(inside_tensors(copy))
    assert {parameter.dtype for parameter in parameters} == {torch.float32}
    assert torch.equal(answers(network), answers(copy))


@pytest.mark.parametrize("tower", ["vit", "resnet"])
def test_training__of_what_is_inside__leaves_the_base_and_can_be_restored(
    make_network, answers, train, tower
):
    network = make_network(tower)
    trained, again = shared_copy(network), shared_copy(network)

    with unchanged(network):
        train(trained, insert_inside(trained, CONFIG, find_places(network)))
        state = torch.random.get_rng_state()
        restore_inside(again, inside_tensors(trained))

    assert torch.equal(torch.random.get_rng_state(), state)
    assert not any(parameter.requires_grad for parameter in again.parameters())
    assert torch.equal(answers(trained), answers(again))
    assert not torch.allclose(answers(network), answers(trained), atol=1e-3)


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
