from __future__ import annotations

import copy

import open_clip
import pytest
import torch

from metaadapter.features.networks import shared_copy

TEXT = {"context_length": 16, "vocab_size": 100, "width": 16, "heads": 2, "layers": 1}
RESNET = {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8}


@pytest.fixture
def network():
    return open_clip.CLIP(embed_dim=24, vision_cfg=RESNET, text_cfg=TEXT)


def test_shared_copy__of_any_network__has_the_very_same_tensors(network):
    other = shared_copy(network)

    tensors = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    others = {**dict(other.named_parameters()), **dict(other.named_buffers())}
    assert tensors.keys() == others.keys()
    assert all(tensors[name] is others[name] for name in tensors)
    modules = set(map(id, network.modules()))
    assert not any(id(module) in modules for module in other.modules())


def test_shared_copy__deep_copy_of_it__shares_nothing(network):
    other = copy.deepcopy(shared_copy(network))

    pointers = {tensor.data_ptr() for tensor in network.parameters()}
    assert not any(tensor.data_ptr() in pointers for tensor in other.parameters())


def test_shared_copy__changed__leaves_the_original_without_a_trace(network):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    other = shared_copy(network)

    other.visual.layer1.register_forward_hook(lambda _m, _i, out: 2 * out)
    other.visual.layer2.add_module("more", torch.nn.Linear(2, 2))
    other.ln_final.weight = torch.nn.Parameter(torch.zeros(16))

    assert not any(module._forward_hooks for module in network.modules())
    now = network.state_dict()
    assert now.keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in now.items())
