"""Find the places in an encoder's image tower where adapters can be inserted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from metaadapter.errors import UsageError
from metaadapter.features.networks import shared_copy

LISTS = (nn.Sequential, nn.ModuleList)
IMAGE_TOWER = "visual"


@dataclass(frozen=True, slots=True)
class Place:
    """The output of one block of an image tower: a transformer's layer or a residual block.

    The shape is for one picture: (width, height, breadth) of a map, (tokens, width) of a
    transformer, and (height, breadth, width) if channels come last.
    """

    name: str
    """The dotted name of the block within the network."""
    shape: tuple[int, ...]
    is_map: bool

    @property
    def width(self) -> int:
        """The number of channels."""
        return self.shape[0] if self.is_map else self.shape[-1]


@torch.inference_mode()
def find_places(network: nn.Module) -> tuple[Place, ...]:
    """Find the places in the image tower of a model of open_clip, in the order in which they run.

    A block is a module with parts that is in a sequence or list of modules, or has siblings of the
    same class. To measure the shapes, one picture of zeros passes through the network, which must
    be in evaluation mode and float32, and is not changed. A block is no place if its output is
    neither a map nor tokens, or if it does not run exactly once. A model that is not of open_clip
    is a `UsageError`.
    """
    if not hasattr(network, "context_length"):
        raise UsageError(
            "places for adapters are inside the image tower of a model of open_clip, and this "
            "encoder is none: leave --inside out, or name another encoder"
        )
    watched: Any = shared_copy(network)
    outputs: dict[str, list[Any]] = {}
    for name, block in _blocks(watched.visual, IMAGE_TOWER):

        def keep(_module: nn.Module, _args: Any, output: Any, name: str = name) -> None:
            outputs.setdefault(name, []).append(output)

        block.register_forward_hook(keep)
    size = watched.visual.image_size
    sides = (size, size) if isinstance(size, int) else size
    watched.encode_image(torch.zeros(1, 3, *sides, device=next(network.parameters()).device))
    channels_last = getattr(getattr(watched.visual, "trunk", None), "output_fmt", "") == "NHWC"
    return tuple(
        Place(name, tuple(runs[0].shape[1:]), runs[0].ndim == 4 and not channels_last)
        for name, runs in outputs.items()
        if len(runs) == 1 and isinstance(runs[0], Tensor) and runs[0].ndim in (3, 4)
    )


def _blocks(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    children = list(module.named_children())
    kinds = Counter(type(child) for _, child in children)
    for key, child in children:
        path = f"{name}.{key}"
        has_parts = any(True for _ in child.children())
        repeated = isinstance(module, LISTS) or kinds[type(child)] > 1
        if isinstance(child, LISTS) or not (has_parts and repeated):
            yield from _blocks(child, path)
        elif not isinstance(child, _BatchNorm):  # timm's normalizations contain an activation
            yield path, child
