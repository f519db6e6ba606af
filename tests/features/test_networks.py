from __future__ import annotations

import open_clip
import pytest
import timm
import torch
from timm.layers import Conv2dSame
from torch import nn

from metaadapter.features.networks import SamePadded, fold_batch_norms, shared_copy
from tests.random_networks import RESNET, random_clip, unchanged

PROBE = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def network():
    return random_clip(RESNET)


def test_shared_copy__of_any_network__has_the_very_same_tensors(network):
    other = shared_copy(network)

    tensors = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    others = {**dict(other.named_parameters()), **dict(other.named_buffers())}
    assert tensors.keys() == others.keys()
    assert all(tensors[name] is others[name] for name in tensors)
    modules = set(map(id, network.modules()))
    assert not any(id(module) in modules for module in other.modules())


def test_shared_copy__changed__leaves_the_original_without_a_trace(network):
    other = shared_copy(network)

    with unchanged(network):
        other.visual.layer1.register_forward_hook(lambda _m, _i, out: 2 * out)
        other.visual.layer2.add_module("more", torch.nn.Linear(2, 2))
        other.ln_final.weight = torch.nn.Parameter(torch.zeros(16))


def n_norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def with_statistics(network: nn.Module) -> nn.Module:
    """A network whose normalisations do something, as they do after training."""
    draw = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.running_mean, module.bias.data):
                values.copy_(0.3 * torch.randn(values.shape, generator=draw))
            for values in (module.running_var, module.weight.data):
                values.copy_(0.5 + torch.rand(values.shape, generator=draw))
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize(
    "make",
    [
        lambda: timm.create_model("tf_efficientnet_lite0", num_classes=0),
        lambda: timm.create_model("resnet18", num_classes=0),
        lambda: open_clip.modified_resnet.ModifiedResNet((1, 1, 1, 1), 16, 4, 64, 8),
    ],
    ids=["timm's EfficientNet-Lite", "timm's ResNet", "CLIP's ResNet"],
)
def test_fold__towers_with_batch_norms__compute_the_same_with_none_left(make):
    tower = with_statistics(make())

    folded = fold_batch_norms(tower, PROBE)

    assert n_norms(tower) > n_norms(folded) == 0
    others = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(folded(others), tower(others), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kernel", [3, 5, (3, 5)])
@pytest.mark.parametrize("sides", [(8, 8), (7, 7), (8, 7), (7, 8), (2, 1), (1, 2)])
def test_same_padded__even_and_odd_sides__computes_what_a_padded_copy_gives(kernel, sides):
    draw = torch.Generator().manual_seed(3)
    conv = Conv2dSame(4, 4, kernel, stride=2, groups=4).requires_grad_(False)
    maps = torch.randn(2, 4, *sides, generator=draw)

    torch.testing.assert_close(SamePadded(conv)(maps), conv(maps))
