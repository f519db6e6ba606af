"""Bottlenecks behind the blocks of an image tower, trained while the tower is frozen.

N. Houlsby et al., Parameter-Efficient Transfer Learning for NLP, 2019.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu

from metaadapter.features.towers.config import InsideConfig
from metaadapter.features.towers.places import Place

PREFIX = "inside/"
# The name of a bottleneck as a submodule of its block.
PART = "inside"


@final
class Bottleneck(nn.Module):
    """Computes x + up(GELU(down(x))), at first exactly x, on the output of a block.

    The weights are float32; in a tower of lower precision, the added part is rounded to it. The
    width is the second axis of a map (n, width, height, breadth), whose layers are convolutions of
    one pixel, otherwise the last axis.
    """

    def __init__(self, width: int, hidden: int, *, is_map: bool = False) -> None:
        super().__init__()
        self.down: nn.Module
        self.up: nn.Module
        if is_map:
            self.down, self.up = nn.Conv2d(width, hidden, 1), nn.Conv2d(hidden, width, 1)
        else:
            self.down, self.up = nn.Linear(width, hidden), nn.Linear(hidden, width)
        for parameter in self.up.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Return adapted features of the same shape and precision."""
        added: Tensor = self.up(gelu(self.down(features.float())))
        return features + added.to(features.dtype)


def insert_inside(
    network: nn.Module, config: InsideConfig, places: Iterable[Place], *, seed: int = 0
) -> list[nn.Parameter]:
    """Put new bottlenecks into a network, which must be a `shared_copy`.

    Until they are trained, the network computes as before, bit for bit in `torch.inference_mode`.

    Args:
        network: The network in which the places were found.
        config: The width of the bottlenecks.
        places: The places, as from `find_places`.
        seed: The seed of the matrices that do not start at zero.

    Returns:
        The parameters to train.
    """
    parameters: list[nn.Parameter] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for place in places:
            part = Bottleneck(place.width, config.width, is_map=place.is_map)
            _insert(network, place.name, part)
            parameters.extend(part.parameters())
    return parameters


def inside_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Return the weights of all bottlenecks in the blocks of a network.

    The names are inside/PLACE/WEIGHT, as in "inside/visual.transformer.resblocks.0/down.weight".
    """
    return {
        f"{PREFIX}{name.removesuffix(f'.{PART}')}/{weight}": tensor.detach()
        for name, module in network.named_modules()
        if isinstance(module, Bottleneck)
        for weight, tensor in module.state_dict().items()
    }


def restore_inside(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put bottlenecks with weights from `inside_tensors` into a network, a `shared_copy`.

    Weights that do not fit the network are an error of PyTorch, or a `LookupError`.
    """
    weights: dict[str, dict[str, Tensor]] = {}
    for full_name, tensor in tensors.items():
        name, _, weight = full_name.removeprefix(PREFIX).rpartition("/")
        weights.setdefault(name, {})[weight] = tensor.float()
    for name, own in weights.items():
        down = own["down.weight"]
        # On the meta device the weights, which are replaced, take no memory and no random numbers;
        # the declared shapes may exceed the memory.
        with torch.device("meta"):
            part = Bottleneck(down.shape[1], down.shape[0], is_map=down.ndim == 4)
        part.load_state_dict(own, assign=True)
        _insert(network, name, part.requires_grad_(False))


def _insert(network: nn.Module, name: str, part: Bottleneck) -> None:
    """Put a bottleneck behind the block of this name."""
    block = network.get_submodule(name)
    block.add_module(PART, part)
    block.register_forward_hook(_adapt)


def _adapt(block: nn.Module, _args: Any, output: Tensor) -> Tensor:
    # Looked up in the block, since a copy of the network has a copy of the bottleneck.
    adapted: Tensor = block.get_submodule(PART)(output)
    return adapted
