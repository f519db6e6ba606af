"""Adapters in the blocks of a network as named tensors, and back."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from metaadapter.errors import IncompatibleArtifact
from metaadapter.towers.bottleneck import bottleneck_tensors, restore_bottlenecks
from metaadapter.towers.config import InsideConfig
from metaadapter.towers.places import tower_of

__all__ = ["PREFIX", "inside_tensors", "restore_inside"]

PREFIX = "inside/"


def inside_tensors(network: nn.Module) -> dict[str, Tensor]:
    """The weights of what was put into the blocks of a network.

    The names are inside/TOWER/PLACE/WEIGHT, as in
    "inside/image/visual.transformer.resblocks.0/down.weight".
    """
    found = bottleneck_tensors(network)
    return {f"{PREFIX}{tower_of(name)}/{name}": tensor for name, tensor in found.items()}


def restore_inside(network: nn.Module, config: InsideConfig, tensors: Mapping[str, Tensor]) -> None:
    """Put adapters with these weights into a network, which is to be a `shared_copy`.

    Args:
        network: Of the encoder that they were trained in.
        config: Of which kind they are.
        tensors: As `inside_tensors` names them.

    Raises:
        IncompatibleArtifact: They do not fit the network.
    """
    named = {name.removeprefix(PREFIX).partition("/")[2]: each for name, each in tensors.items()}
    if config.kind != "bottleneck":
        raise IncompatibleArtifact(f"adapters of the kind {config.kind} cannot be read yet")
    restore_bottlenecks(network, named)
