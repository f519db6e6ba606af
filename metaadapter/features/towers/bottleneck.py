"""Bottlenecks in the blocks of a tower, added to the output of a block: down, GELU, up.

N. Houlsby et al., Parameter-Efficient Transfer Learning for NLP, 2019. For maps the layers are
convolutions of one pixel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu

from metaadapter.features.towers.places import Place

HIDDEN = 64
# The name of the bottleneck as a submodule of its block.
PART = "inside"


@final
class Bottleneck(nn.Module):
    """Computes x + up(GELU(down(x))), at first exactly x; trained while the tower is frozen.

    The weights are float32; in a tower of lower precision, the added part is rounded to it. The
    width is the second axis of a map (n, width, height, breadth), otherwise the last axis.
    """

    def __init__(self, width: int, hidden: int = HIDDEN, *, is_map: bool = False) -> None:
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


def insert_bottlenecks(
    network: nn.Module, places: Iterable[Place], *, hidden: int = HIDDEN, seed: int = 0
) -> dict[str, Bottleneck]:
    """Put new bottlenecks into a `shared_copy` of a network, and return them by place."""
    inserted = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for place in places:
            bottleneck = Bottleneck(place.width, hidden, is_map=place.is_map)
            _insert(network, place.name, bottleneck)
            inserted[place.name] = bottleneck
    return inserted


def bottlenecks(network: nn.Module) -> Iterator[tuple[str, Bottleneck]]:
    """Yield the name of each place with a bottleneck, and the bottleneck."""
    for name, module in network.named_modules():
        if isinstance(module, Bottleneck):
            yield name.removesuffix(f".{PART}"), module


def restore_bottleneck(network: nn.Module, place: str, weights: Mapping[str, Tensor]) -> None:
    """Put a bottleneck with these weights at a place; any error means that they do not fit."""
    down = weights["down.weight"]
    # On the meta device the weights, which are replaced, take no memory and no random numbers.
    with torch.device("meta"):
        bottleneck = Bottleneck(down.shape[1], down.shape[0], is_map=down.ndim == 4)
    bottleneck.load_state_dict(weights, assign=True)
    _insert(network, place, bottleneck.requires_grad_(False))


def _insert(network: nn.Module, place: str, bottleneck: Bottleneck) -> None:
    block = network.get_submodule(place)
    block.add_module(PART, bottleneck)
    block.register_forward_hook(_adapt)


def _adapt(block: nn.Module, _args: Any, output: Tensor) -> Tensor:
    # Looked up in the block, since a copy of the network has a copy of the bottleneck.
    bottleneck: nn.Module = block.get_submodule(PART)
    adapted: Tensor = bottleneck(output)
    return adapted
