"""Adapters in the blocks of a network: inserted, read as named tensors, and restored."""

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
    """Put new adapters into a network, which must be a `shared_copy`.

    The network computes as before, to the bit in `torch.inference_mode`, until they are trained.

    Args:
        network: The network of the places.
        config: The kind and width of the adapters, and their towers.
        places: The places, as from `find_places`; those in other towers are left out.
        seed: The seed of the matrices that do not start at zero.

    Returns:
        The parameters to train.
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
    """Return the weights of all adapters in the blocks of a network.

    The names are inside/TOWER/PLACE/WEIGHT, as in
    "inside/image/visual.transformer.resblocks.0/down.weight".
    """
    tensors = bottleneck_tensors(network) | lora_tensors(network)
    return {f"{PREFIX}{tower_of(name)}/{name}": tensor for name, tensor in tensors.items()}


def restore_inside(network: nn.Module, config: InsideConfig, tensors: Mapping[str, Tensor]) -> None:
    """Put adapters with weights of `inside_tensors` into a network, which must be a `shared_copy`.

    Args:
        network: The network of the encoder that they were trained in.
        config: The kind of the adapters.
        tensors: Their weights; tensors of other names are ignored.

    Raises:
        IncompatibleArtifact: The weights do not fit the network.
    """
    weights = {
        name.removeprefix(PREFIX).partition("/")[2]: tensor
        for name, tensor in tensors.items()
        if name.startswith(PREFIX)
    }
    if config.kind == "lora":
        restore_lora(network, weights, alpha=config.alpha or ALPHA)
    else:
        restore_bottlenecks(network, weights)
