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
from torch.nn.functional import conv2d, pad
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


@final
class SamePadded(nn.Module):
    """A convolution of stride 2 with TensorFlow's padding; on a CPU the input is not copied for it.

    TensorFlow pads an even side by one more at its end than at its start. A line of zeros before an
    odd kernel of more than one line has the same effect with equal padding, and a depthwise kernel
    is small.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(
        self, maps: Float[Tensor, "n width rows columns"]
    ) -> Float[Tensor, "n width half_rows half_columns"]:
        """Return what the convolution returns."""
        conv = self.conv
        # Runtimes of exported models join the padding with the convolution themselves.
        if maps.device.type != "cpu" or torch.compiler.is_compiling():
            result: Tensor = conv(maps)
            return result
        lines = [1 - side % 2 for side in maps.shape[-2:]]
        weight = pad(conv.weight, (lines[1], 0, lines[0], 0))
        padding = [side // 2 for side in conv.kernel_size]
        return conv2d(maps, weight, conv.bias, conv.stride, padding, groups=conv.groups)


def shared_copy(network: nn.Module) -> nn.Module:
    """Copy the modules of a network, but share its parameters and buffers.

    Hooks, modules and new tensors in the copy leave the original unchanged, and the copy takes
    hardly any memory. Nothing may write into the shared tensors: freeze them, and keep the copy in
    evaluation mode, since batch normalizations write running means in training mode.
    """
    tensors = chain(network.parameters(), network.buffers())
    return copy.deepcopy(network, {id(tensor): tensor for tensor in tensors})


def fold_batch_norms(tower: nn.Module, probe: Float[Tensor, "1 3 height width"]) -> nn.Module:
    """Return a tower with batch normalizations folded into convolutions, if features stay equal.

    Its depthwise convolutions of stride 2 with TensorFlow's padding become `SamePadded`.
    """
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
            conv = fuse_conv_bn_eval(before, module)
            setattr(network, before_name, SamePadded(conv) if _copies_to_pad(conv) else conv)
            # timm's normalizations contain the following activation.
            setattr(network, name, getattr(module, "act", nn.Identity()))
        else:
            _fold(module)
        before_name, before = name, module


def _copies_to_pad(conv: nn.Conv2d) -> bool:
    from timm.layers.conv2d_same import Conv2dSame

    return (
        isinstance(conv, Conv2dSame)
        and conv.groups == conv.in_channels  # a larger kernel of all channels would take longer
        and conv.stride == (2, 2)
        and conv.dilation == (1, 1)
        and all(side % 2 and side > 1 for side in conv.kernel_size)
    )
