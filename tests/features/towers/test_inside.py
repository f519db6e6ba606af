from __future__ import annotations

import pytest
import torch
from torch.nn.functional import gelu

from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.networks import shared_copy
from metaadapter.features.towers.config import InsideConfig
from metaadapter.features.towers.inside import (
    Bottleneck,
    LowRank,
    insert_inside,
    inside_tensors,
    merge_lora,
    restore_inside,
)
from metaadapter.features.towers.places import find_places
from tests.random_networks import unchanged

TOWERS = ["vit", "resnet", "timm resnet", "timm vit"]
BOTTLENECK, LORA = CONFIGS = [
    InsideConfig(kind="bottleneck", width=4),
    InsideConfig(kind="lora", width=2),
]
BLOCK = "visual.transformer.resblocks.0"


@pytest.fixture(params=CONFIGS, ids=lambda config: config.kind)
def config(request):
    return request.param


def inserted(network, config):
    """A copy whose adapters change something."""
    copy = shared_copy(network)
    insert_inside(copy, config, find_places(network))
    draw = torch.Generator().manual_seed(3)
    for name, tensor in inside_tensors(copy).items():
        if name.rpartition("/")[2].startswith("up"):
            tensor.normal_(generator=draw)
    return copy


@pytest.mark.parametrize("tower", [*TOWERS, "tiny"])
def test_insert__before_training__gives_the_same_to_the_bit(
    make_network, tiny, answers, config, tower
):
    network = tiny.network if tower == "tiny" else make_network(tower)
    copy = shared_copy(network)

    parameters = insert_inside(copy, config, find_places(network))

    assert len(parameters) == len(inside_tensors(copy))
    assert {parameter.dtype for parameter in parameters} == {torch.float32}
    assert torch.equal(answers(network), answers(copy))


@pytest.mark.parametrize("tower", ["vit", "resnet"])
def test_training__of_what_is_inside__leaves_the_base_and_can_be_restored(
    make_network, answers, train, config, tower
):
    network = make_network(tower)
    trained, again = shared_copy(network), shared_copy(network)

    with unchanged(network):
        train(trained, insert_inside(trained, config, find_places(network)))
        state = torch.random.get_rng_state()
        restore_inside(again, config, inside_tensors(trained))

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


def test_lora__in_a_transformer__adds_to_attention_and_the_linear_layers(make_network):
    shapes = {
        name: tuple(tensor.shape)
        for tower in ("vit", "timm vit")
        for name, tensor in inside_tensors(inserted(make_network(tower), LORA)).items()
    }

    assert {name for name in shapes if name.startswith(f"inside/{BLOCK}.") and "up" in name} == {
        f"inside/{BLOCK}.{weight}/up"
        for weight in (
            "attn.in_proj_weight",
            "attn.out_proj.weight",
            "mlp.c_fc.weight",
            "mlp.c_proj.weight",
        )
    }
    assert shapes[f"inside/{BLOCK}.attn.in_proj_weight/up"] == (3, 32, 2)
    assert shapes[f"inside/{BLOCK}.mlp.c_fc.weight/down"] == (1, 2, 32)
    # Queries, keys and values apart there, too.
    assert shapes["inside/visual.trunk.blocks.0.attn.qkv.weight/up"] == (3, 64, 2)


@pytest.mark.parametrize("tower", ["vit", "resnet", "timm vit"])
def test_lora__merged_or_not__answers_as_weights_summed_by_hand(make_network, answers, tower):
    network, by_hand = make_network(tower), make_network(tower)
    copy = inserted(network, LORA)
    tensors = inside_tensors(copy)
    with torch.no_grad():
        for name in {name.split("/")[1] for name in tensors}:
            up, down = (tensors[f"inside/{name}/{part}"] for part in ("up", "down"))
            weight = by_hand.get_parameter(name)
            products = torch.cat(
                [2.0 * (left @ right) for left, right in zip(up, down, strict=True)]
            )
            weight.add_(products.view_as(weight))

    result = answers(copy)
    with unchanged(network):
        merge_lora(copy)

    torch.testing.assert_close(answers(by_hand), result, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(answers(network), result, atol=1e-2)
    assert torch.equal(answers(copy), result)
    assert not any(isinstance(module, LowRank) for module in copy.modules())
    assert copy.state_dict().keys() == network.state_dict().keys()


@pytest.mark.parametrize(
    ("config", "name", "tensor", "message"),
    [
        (BOTTLENECK, "/down.weight", None, "resblocks.0 does not fit .*: 'down.weight' is missing"),
        (BOTTLENECK, "/down.weight", torch.zeros(4, 9), "resblocks.0 does not fit .*mismatch"),
        (BOTTLENECK, "/up.bias", None, "resblocks.0 does not fit .*Missing"),
        (BOTTLENECK, "/other", torch.zeros(1), "resblocks.0 does not fit .*Unexpected"),
        (LORA, ".attn.in_proj_weight/down", None, "in_proj_weight does not fit .*'down'"),
        (LORA, ".attn.in_proj_weight/down", torch.zeros(3, 2, 9), "in_proj_weight does not fit"),
        (LORA, ".attn.in_proj_weight/down", torch.zeros(3, 0, 9), "in_proj_weight does not fit"),
        (LORA, ".attn.in_proj_weight/up", torch.zeros(3), "in_proj_weight does not fit"),
        # No forty terabytes are taken for what these two declare together.
        (LORA, ".attn.in_proj_weight/up", torch.zeros(3, 10**13, 0), "size mismatch for up"),
        (LORA, ".attn.other/down", torch.zeros(1, 2, 3), "other does not fit .*'up'"),
    ],
)
def test_restore__of_damaged_adapters__names_the_place(make_network, config, name, tensor, message):
    network, full = make_network("vit"), f"inside/{BLOCK}{name}"
    tensors = inside_tensors(inserted(network, config))
    changed = {key: item for key, item in tensors.items() if key != full}
    if tensor is not None:
        changed[full] = tensor

    with pytest.raises(IncompatibleArtifact, match=message):
        restore_inside(shared_copy(network), config, changed)
