from __future__ import annotations

import pytest
import torch

from metaadapter.features.networks import shared_copy
from metaadapter.features.towers.config import InsideConfig
from metaadapter.features.towers.inside import insert_inside, inside_tensors, restore_inside
from metaadapter.features.towers.places import find_places
from tests.random_networks import unchanged

TOWERS = ["vit", "resnet", "timm resnet", "timm vit"]
CONFIGS = [
    InsideConfig(kind="bottleneck", towers=("image", "text"), width=4),
    InsideConfig(kind="lora", towers=("image", "text"), width=2, alpha=4.0),
]


@pytest.fixture(params=CONFIGS, ids=lambda config: config.kind)
def config(request):
    return request.param


@pytest.mark.parametrize("tower", [*TOWERS, "tiny"])
def test_insert__before_training__gives_the_same_to_the_bit(
    make_network, tiny, answers, config, tower
):
    network = tiny.network if tower == "tiny" else make_network(tower)
    copy = shared_copy(network)

    parameters = insert_inside(copy, config, find_places(network))

    assert len(parameters) == len(inside_tensors(copy))
    assert {parameter.dtype for parameter in parameters} == {torch.float32}
    for expected, result in zip(answers(network), answers(copy), strict=True):
        assert torch.equal(expected, result)


@pytest.mark.parametrize("tower", TOWERS)
def test_training__of_what_is_inside__leaves_the_base_with_its_bits(
    make_network, answers, train, config, tower
):
    network = make_network(tower)
    expected = answers(network)
    pointers = {name: tensor.data_ptr() for name, tensor in network.named_parameters()}
    copy = shared_copy(network)

    with unchanged(network):
        train(copy, insert_inside(copy, config, find_places(network)))

    assert pointers == {name: tensor.data_ptr() for name, tensor in network.named_parameters()}
    assert not any(parameter.requires_grad for parameter in network.parameters())
    for rows, now, adapted in zip(expected, answers(network), answers(copy), strict=True):
        assert torch.equal(rows, now)
        assert not torch.allclose(rows, adapted, atol=1e-3)


@pytest.mark.parametrize("tower", ["vit", "resnet"])
def test_restore__of_what_was_trained__answers_as_it_did(
    make_network, answers, train, config, tower
):
    network = make_network(tower)
    trained, again = shared_copy(network), shared_copy(network)
    train(trained, insert_inside(trained, config, find_places(network)))

    state = torch.random.get_rng_state()
    restore_inside(again, config, inside_tensors(trained))
    assert torch.equal(torch.random.get_rng_state(), state)

    assert not any(parameter.requires_grad for parameter in again.parameters())
    for expected, result in zip(answers(trained), answers(again), strict=True):
        assert torch.equal(expected, result)


def test_insert__in_one_tower__leaves_the_other_as_it_is(make_network, answers, train, config):
    network = make_network("vit")
    copy = shared_copy(network)
    only = config.model_copy(update={"towers": ("text",)})

    train(copy, insert_inside(copy, only, find_places(network)))

    assert all(name.startswith("inside/text/") for name in inside_tensors(copy))
    (image, text), (image_now, text_now) = answers(network), answers(copy)
    assert torch.equal(image, image_now)
    assert not torch.allclose(text, text_now, atol=1e-3)
