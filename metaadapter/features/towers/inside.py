"""Adapters in the blocks of a network as named tensors, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from metaadapter.features.towers.bottleneck import (
    bottleneck_tensors,
    insert_bottlenecks,
    restore_bottlenecks,
)
from metaadapter.features.towers.config import InsideConfig
from metaadapter.features.towers.lora import ALPHA, insert_lora, lora_tensors, restore_lora
from metaadapter.features.towers.places import Place, tower_of

PREFIX = "inside/"


def insert_inside(
    network: nn.Module, config: InsideConfig, places: Iterable[Place], *, seed: int = 0
) -> list[nn.Parameter]:
    """Put new adapters into a network, which is to be a `shared_copy`.

    It computes as before, to the bit in `torch.inference_mode`, until they are trained.

    Args:
        network: The network that `find_places` found the places in.
        config: Of which kind they are, how wide, and in which towers.
        places: The blocks that may have one.
        seed: That of their matrices that are not zero at first.

    Returns:
        What is to be trained.
    """
    chosen = [place for place in places if place.tower in config.towers]
    inserted: Mapping[str, nn.Module]
    if config.kind == "lora":
        alpha = config.alpha or ALPHA
        inserted = insert_lora(network, chosen, rank=config.width, alpha=alpha, seed=seed)
    else:
        inserted = insert_bottlenecks(network, chosen, hidden=config.width, seed=seed)
    return [parameter for module in inserted.values() for parameter in module.parameters()]


def inside_tensors(network: nn.Module) -> dict[str, Tensor]:
    """The weights of what was put into the blocks of a network.

    The names are inside/TOWER/PLACE/WEIGHT, as in
    "inside/image/visual.transformer.resblocks.0/down.weight".
    """
    found = bottleneck_tensors(network) | lora_tensors(network)
    return {f"{PREFIX}{tower_of(name)}/{name}": tensor for name, tensor in found.items()}


def restore_inside(network: nn.Module, config: InsideConfig, tensors: Mapping[str, Tensor]) -> None:
    """Put adapters with these weights into a network, which is to be a `shared_copy`.

    Args:
        network: Of the encoder that they were trained in.
        config: Of which kind they are.
        tensors: As `inside_tensors` names them; others are left alone.

    Raises:
        IncompatibleArtifact: They do not fit the network.
    """
    own = {
        name.removeprefix(PREFIX).partition("/")[2]: tensor
        for name, tensor in tensors.items()
        if name.startswith(PREFIX)
    }
    if config.kind == "lora":
        restore_lora(network, own, alpha=config.alpha or ALPHA)
    else:
        restore_bottlenecks(network, own)
