from __future__ import annotations

import pytest
import torch
from torch import nn

from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.networks import shared_copy
from metaadapter.features.towers.config import InsideConfig
from metaadapter.features.towers.inside import inside_tensors, restore_inside
from metaadapter.features.towers.lora import LowRank, insert_lora, merge_lora
from metaadapter.features.towers.places import find_places
from tests.random_networks import unchanged

CONFIG = InsideConfig(kind="lora", towers=("image", "text"), width=2, alpha=4.0)


def with_products(network):
    """A copy whose products are no zeros."""
    copy = shared_copy(network)
    inserted = insert_lora(copy, find_places(network), rank=2, alpha=4.0)
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for product in inserted.values():
            product.requires_grad_(False).up.normal_(generator=draw)
    return copy


def test_insert__in_a_transformer__adds_to_attention_and_the_linear_layers(make_network):
    network, of_timm = make_network("vit"), make_network("timm vit")

    inserted = insert_lora(shared_copy(network), find_places(network), rank=2)

    start = "visual.transformer.resblocks.0."
    assert {name.removeprefix(start) for name in inserted if name.startswith(start)} == {
        "attn.in_proj_weight",
        "attn.out_proj.weight",
        "mlp.c_fc.weight",
        "mlp.c_proj.weight",
    }
    assert inserted[f"{start}attn.in_proj_weight"].up.shape == (3, 32, 2)
    assert inserted[f"{start}mlp.c_fc.weight"].down.shape == (1, 2, 32)
    # Queries, keys and values apart there, too.
    inserted = insert_lora(shared_copy(of_timm), find_places(of_timm), rank=2)
    assert inserted["visual.trunk.blocks.0.attn.qkv.weight"].up.shape == (3, 64, 2)


def as_by_hand(weight, product):
    """The sum part by part, the textbook's way."""
    rows = weight.clone().flatten(1).chunk(len(product.up))
    item = zip(rows, product.up, product.down, strict=True)
    return torch.cat([part + 2.0 * (up @ down) for part, up, down in item]).view_as(weight)


@pytest.mark.parametrize("tower", ["vit", "resnet", "timm vit"])
def test_answers__with_products__are_those_of_weights_summed_by_hand(make_network, answers, tower):
    network, by_hand = make_network(tower), make_network(tower)
    copy = shared_copy(network)
    inserted = insert_lora(copy, find_places(network), rank=2, alpha=4.0)
    with torch.no_grad():
        for name, product in inserted.items():
            nn.init.normal_(product.up)
            weight = by_hand.get_parameter(name)
            weight.copy_(as_by_hand(weight, product))

    for expected, result in zip(answers(by_hand), answers(copy), strict=True):
        torch.testing.assert_close(expected, result, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(answers(network)[0], answers(copy)[0], atol=1e-2)


@pytest.mark.parametrize("tower", ["vit", "resnet"])
def test_merge__of_products__answers_to_the_bit_and_leaves_the_base(make_network, answers, tower):
    network = make_network(tower)
    copy = with_products(network)
    expected = answers(copy)

    with unchanged(network):
        merge_lora(copy)

    assert not any(isinstance(module, LowRank) for module in copy.modules())
    assert copy.state_dict().keys() == network.state_dict().keys()
    for rows, result in zip(expected, answers(copy), strict=True):
        assert torch.equal(rows, result)


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("attn.in_proj_weight/down", None, "in_proj_weight does not fit the encoder: 'down'"),
        ("attn.in_proj_weight/down", torch.zeros(3, 2, 9), "in_proj_weight does not fit"),
        ("attn.in_proj_weight/down", torch.zeros(3), "in_proj_weight does not fit"),
        ("attn.in_proj_weight/down", torch.zeros(3, 0, 9), "in_proj_weight does not fit"),
        ("attn.in_proj_weight/up", torch.zeros(3), "in_proj_weight does not fit"),
        # No forty terabytes are taken for what these two declare together.
        ("attn.in_proj_weight/up", torch.zeros(3, 10**13, 0), "size mismatch for up"),
        ("attn.other/down", torch.zeros(1, 2, 3), "other does not fit the encoder: 'up'"),
        ("mlp.c_fc.weight/more", torch.zeros(1), "c_fc.weight does not fit .*Unexpected"),
    ],
)
def test_restore__of_damaged_products__names_the_weight(make_network, name, tensor, message):
    network = make_network("vit")
    tensors = inside_tensors(with_products(network))
    full = f"inside/image/visual.transformer.resblocks.0.{name}"
    changed = {key: item for key, item in tensors.items() if key != full}
    if tensor is not None:
        changed[full] = tensor

    with pytest.raises(IncompatibleArtifact, match=message):
        restore_inside(shared_copy(network), CONFIG, changed)
