"""Find the places in an encoder's towers where adapters can be inserted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from metaadapter.errors import UsageError
from metaadapter.features.networks import shared_copy
from metaadapter.features.towers.config import TowerName

LISTS = (nn.Sequential, nn.ModuleList)
IMAGE_TOWER = "visual"
CHANNELS_LAST = "NHWC"


@dataclass(frozen=True, slots=True)
class Place:
    """The output of one block of a tower, such as a transformer's layer or a residual block.

    The shape is for one picture or text: (width, height, breadth) of a map, (tokens, width) of
    a transformer, and (height, breadth, width) if channels come last. `batch_first` is False if
    the axis of pictures comes second. `ends_stage` is True for each block of a transformer, and
    for the last block of each stage of a convolutional tower.
    """

    tower: TowerName
    name: str
    """The dotted name of the block within the network."""
    shape: tuple[int, ...]
    is_map: bool
    batch_first: bool
    ends_stage: bool

    @property
    def width(self) -> int:
        """The number of channels."""
        return self.shape[0] if self.is_map else self.shape[-1]


@torch.inference_mode()
def find_places(network: nn.Module) -> tuple[Place, ...]:
    """Find the places in both towers of a model of open_clip, in the order in which they run.

    A block is a module with parts that is in a sequence or list of modules, or has siblings of the
    same class. To measure the shapes, one picture and one text of zeros pass through the network,
    which must be in evaluation mode and is not changed. A block is no place if its output
    is neither a map nor tokens, or if it does not run exactly once. A model that is not of
    open_clip is a `UsageError`.
    """
    watched = shared_copy(network)
    outputs: dict[str, list[Any]] = {}
    for name, block in _blocks(watched):

        def keep(_module: nn.Module, _args: Any, output: Any, name: str = name) -> None:
            outputs.setdefault(name, []).append(output)

        block.register_forward_hook(keep)
    _run(watched)
    shaped = {
        name: runs[0]
        for name, runs in outputs.items()
        if len(runs) == 1 and isinstance(runs[0], Tensor) and runs[0].ndim in (3, 4)
    }
    ends = _ends_of_stages(list(shaped))
    visual: Any = network.visual
    channels_last = getattr(getattr(visual, "trunk", None), "output_fmt", "") == CHANNELS_LAST
    return tuple(
        _place(name, output, channels_last, name in ends) for name, output in shaped.items()
    )


def tower_of(name: str) -> TowerName:
    """Return the tower that a module belongs to, by the module's dotted name."""
    return "image" if name.partition(".")[0] == IMAGE_TOWER else "text"


def _blocks(module: nn.Module, name: str = "") -> Iterator[tuple[str, nn.Module]]:
    children = list(module.named_children())
    kinds = Counter(type(child) for _, child in children)
    for key, child in children:
        path = f"{name}.{key}" if name else key
        has_parts = any(True for _ in child.children())
        repeated = isinstance(module, LISTS) or kinds[type(child)] > 1
        if isinstance(child, LISTS) or not (has_parts and repeated):
            yield from _blocks(child, path)
        elif not isinstance(child, _BatchNorm):  # timm's normalizations contain an activation
            yield path, child


def _run(network: Any) -> None:
    if not hasattr(network, "context_length"):
        raise UsageError(
            "places for adapters are inside the two towers of a model of open_clip, and this "
            "encoder is none: leave --inside out, or name another encoder"
        )
    weight = next(network.parameters())
    # In a network of a lower precision some weights stay in float32.
    low = {parameter.dtype for parameter in network.parameters()} - {torch.float32}
    size = network.visual.image_size
    height, breadth = (size, size) if isinstance(size, int) else size
    with torch.autocast(weight.device.type, next(iter(low), None), enabled=bool(low)):
        network.encode_image(weight.new_zeros(1, 3, height, breadth, dtype=torch.float32))
        network.encode_text(weight.new_zeros(1, network.context_length, dtype=torch.long))


def _ends_of_stages(names: Sequence[str]) -> set[str]:
    """Return the blocks that are last in their list, or all blocks of a tower with one list."""
    ends: set[str] = set()
    for tower in ("image", "text"):
        blocks = [name for name in names if tower_of(name) == tower]
        last = {name.rpartition(".")[0]: name for name in blocks}
        ends |= set(blocks if len(last) == 1 else last.values())
    return ends


def _place(name: str, output: Tensor, channels_last: bool, ends_stage: bool) -> Place:
    is_map = output.ndim == 4 and not channels_last
    batch_first = output.shape[0] == 1
    shape = tuple(output.shape[1:] if batch_first else (output.shape[0], *output.shape[2:]))
    return Place(tower_of(name), name, shape, is_map, batch_first, ends_stage)
