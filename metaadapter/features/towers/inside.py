"""Insert adapters into the blocks of a network, read their weights, and restore them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.towers.bottleneck import (
    bottlenecks,
    insert_bottlenecks,
    restore_bottleneck,
)
from metaadapter.features.towers.config import InsideConfig
from metaadapter.features.towers.lora import ALPHA, insert_lora, products, restore_product
from metaadapter.features.towers.places import Place, tower_of

PREFIX = "inside/"
# The errors that arise when weights do not fit a network.
MISFIT = (ArithmeticError, AttributeError, LookupError, RuntimeError, ValueError)


def insert_inside(
    network: nn.Module, config: InsideConfig, places: Iterable[Place], *, seed: int = 0
) -> list[nn.Parameter]:
    """Put new adapters into a network, which must be a `shared_copy`.

    Until they are trained, the network computes as before, bit for bit in `torch.inference_mode`.

    Args:
        network: The network in which the places were found.
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
    return {
        f"{PREFIX}{tower_of(name)}/{name}/{part}": tensor.detach()
        for name, module in (*bottlenecks(network), *products(network))
        for part, tensor in module.state_dict().items()
    }


def restore_inside(network: nn.Module, config: InsideConfig, tensors: Mapping[str, Tensor]) -> None:
    """Put adapters with weights from `inside_tensors` into a network, a `shared_copy`.

    Args:
        network: The network of the encoder in which the adapters were trained.
        config: The kind of the adapters.
        tensors: The weights of the adapters; tensors of other names are ignored.

    Raises:
        IncompatibleArtifact: The weights do not fit the network.
    """
    weights: dict[str, dict[str, Tensor]] = {}
    for full_name, tensor in tensors.items():
        if full_name.startswith(PREFIX):
            _, _, path = full_name.removeprefix(PREFIX).partition("/")
            name, _, part = path.rpartition("/")
            weights.setdefault(name, {})[part] = tensor.float()
    for name, parts in weights.items():
        try:
            if config.kind == "lora":
                restore_product(network, name, parts, config.alpha or ALPHA)
            else:
                restore_bottleneck(network, name, parts)
        except MISFIT as error:
            owner = "product that LoRA adds to" if config.kind == "lora" else "bottleneck at"
            reason = " ".join(str(error).split()) + " is missing" * isinstance(error, KeyError)
            raise IncompatibleArtifact(
                f"the {owner} {name} does not fit the encoder: {reason}"
            ) from error
