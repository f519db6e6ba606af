"""Frozen networks: copies that share all tensors, folded normalizations, towers as one module."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import chain
from math import isfinite
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

TOLERANCE = 1e-4


@final
class ImageNetwork(nn.Module):
    """An encoder's calculation as one module, from pixels of looks to unit rows, for export."""

    def __init__(self, features: Callable[[Tensor], Tensor], *towers: nn.Module) -> None:
        super().__init__()
        self.towers = nn.ModuleList(towers)
        self._features = features

    def forward(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch look_dim"]:
        """Return a unit row for each preprocessed look."""
        return self._features(pixels)


def shared_copy(network: nn.Module) -> nn.Module:
    """Copy the modules of a network, but share its parameters and buffers.

    Hooks, modules and new tensors in the copy leave the original unchanged, and the copy takes
    hardly any memory. Nothing may write into the shared tensors: freeze them, and keep the copy in
    evaluation mode, since batch normalizations write running means in training mode.
    """
    tensors = chain(network.parameters(), network.buffers())
    return copy.deepcopy(network, {id(tensor): tensor for tensor in tensors})


def fold_batch_norms(tower: nn.Module, probe: Float[Tensor, "1 3 height width"]) -> nn.Module:
    """Return a tower with batch normalizations folded into convolutions, if features stay equal."""
    if not any(isinstance(module, nn.BatchNorm2d) for module in tower.modules()):
        return tower
    folded = copy.deepcopy(tower)
    # Modules need not run in the order of their registration, so the features are compared.
    _fold(folded)
    with torch.inference_mode():
        expected, features = tower(probe), folded(probe)
    largest = float(expected.abs().max())
    if not isfinite(largest):  # damaged weights, which the fingerprint's features report
        return tower
    is_same = torch.allclose(features, expected, rtol=TOLERANCE, atol=TOLERANCE * largest)
    return folded if is_same else tower


def _fold(network: nn.Module) -> None:
    before_name, before = "", network
    for name, module in list(network.named_children()):
        if (
            isinstance(module, nn.BatchNorm2d)
            and module.running_mean is not None
            and isinstance(before, nn.Conv2d)
            and before.out_channels == module.num_features
        ):
            setattr(network, before_name, fuse_conv_bn_eval(before, module))
            # timm's normalizations contain the following activation.
            setattr(network, name, getattr(module, "act", nn.Identity()))
        else:
            _fold(module)
        before_name, before = name, module
