"""Frozen networks: copies that share all tensors, faster equals, and towers as one module."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import chain
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

TOLERANCE = 1e-4


@final
class ImageNetwork(nn.Module):
    """From preprocessed pixels of single looks to unit rows, for programs that export modules.

    Args:
        features: The calculation, differentiable and on the device of its pixels.
        towers: The modules whose weights it uses.
    """

    def __init__(self, features: Callable[[Tensor], Tensor], *towers: nn.Module) -> None:
        super().__init__()
        self.towers = nn.ModuleList(towers)
        self._features = features

    def forward(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch look_dim"]:
        """Unit rows."""
        return self._features(pixels)


def shared_copy(network: nn.Module) -> nn.Module:
    """Copy the modules of a network; its parameters and buffers are the very same tensors.

    What is put into the copy, takes part in its calculation alone: hooks, modules, other tensors in
    the place of its own. It takes hardly any memory, and thrown away it leaves no trace. Nothing
    may write into the shared tensors: they are to be frozen, and the copy in evaluation mode, for
    in training mode a batch normalisation writes its running means.
    """
    tensors = chain(network.parameters(), network.buffers())
    return copy.deepcopy(network, {id(tensor): tensor for tensor in tensors})


def fold_batch_norms(tower: nn.Module, probe: Float[Tensor, "1 3 height width"]) -> nn.Module:
    """A frozen image tower in which one convolution does the work of it and its normalisation.

    In evaluation mode both are linear maps. Folded is each normalisation that is registered right
    behind a convolution; that modules run in the order of their registration is a habit and no law,
    so the tower is given back as it was unless both compute the same features of a probe.
    """
    if not any(isinstance(module, nn.BatchNorm2d) for module in tower.modules()):
        return tower
    folded = copy.deepcopy(tower)
    _fold(folded)
    with torch.inference_mode():
        expected, found = tower(probe), folded(probe)
    same = torch.allclose(
        found, expected, rtol=TOLERANCE, atol=TOLERANCE * float(expected.abs().max())
    )
    return folded if same else tower


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
            # timm's normalisations hold the activation behind them.
            setattr(network, name, getattr(module, "act", nn.Identity()))
        else:
            _fold(module)
        before_name, before = name, module
