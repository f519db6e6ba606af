"""Bottlenecks in the blocks of a tower: down, a non-linearity, up, beside what a block gives.

N. Houlsby et al., Parameter-Efficient Transfer Learning for NLP, 2019; on maps with convolutions of
one pixel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu

from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.towers.places import Place

HIDDEN = 64
# Under this name a bottleneck is a part of the block whose output it adapts.
PART = "inside"


@final
class Bottleneck(nn.Module):
    """x + up(GELU(down(x))), trained while the tower is frozen; the identity to the bit at first.

    Its weights are float32. In towers of a lower precision what is added is rounded to it.

    Args:
        width: The number of channels of what it adapts.
        hidden: The number of channels in its middle.
        is_map: Whether it adapts maps (n, width, height, breadth); else the width is the last axis.
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
        """Adapted features of the same shape and precision."""
        added: Tensor = self.up(gelu(self.down(features.float())))
        return features + added.to(features.dtype)


def insert_bottlenecks(
    network: nn.Module, places: Iterable[Place], *, hidden: int = HIDDEN, seed: int = 0
) -> dict[str, Bottleneck]:
    """Put new bottlenecks at places of a network, which is to be a `shared_copy`.

    They are then parts of it, and move with it; their parameters alone are to be trained. It
    computes as before until they are.

    Args:
        network: The network that `find_places` found the places in.
        places: Where to put them.
        hidden: The number of channels in their middle.
        seed: That of their down-projections.

    Returns:
        The name of each place, and its bottleneck.
    """
    inserted = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for place in places:
            bottleneck = Bottleneck(place.width, hidden, is_map=place.is_map)
            _insert(network, place.name, bottleneck)
            inserted[place.name] = bottleneck
    return inserted


def bottleneck_tensors(network: nn.Module) -> dict[str, Tensor]:
    """The weights of all bottlenecks in a network: "PLACE/down.weight", and so on, detached."""
    return {
        f"{name.removesuffix(f'.{PART}')}/{part}": tensor.detach()
        for name, module in network.named_modules()
        if isinstance(module, Bottleneck)
        for part, tensor in module.state_dict().items()
    }


def restore_bottlenecks(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put bottlenecks with these weights, as `bottleneck_tensors` names them, into a network.

    Raises:
        IncompatibleArtifact: The network has no such place, or a weight has another shape.
    """
    places: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        place, _, part = name.rpartition("/")
        places.setdefault(place, {})[part] = tensor
    for place, parts in places.items():
        down = parts.get("down.weight")
        if down is None or down.ndim not in (2, 4):
            raise IncompatibleArtifact(f"the bottleneck at {place} lacks its down-projection")
        # No memory, and no random number, goes into weights that are read.
        with torch.device("meta"):
            bottleneck = Bottleneck(down.shape[1], down.shape[0], is_map=down.ndim == 4)
        try:
            read = {part: each.float() for part, each in parts.items()}
            bottleneck.load_state_dict(read, assign=True)
            _insert(network, place, bottleneck.requires_grad_(False))
        except (AttributeError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise IncompatibleArtifact(
                f"the bottleneck at {place} does not fit the encoder: {reason}"
            ) from error


def _insert(network: nn.Module, place: str, bottleneck: Bottleneck) -> None:
    block = network.get_submodule(place)
    block.add_module(PART, bottleneck)
    block.register_forward_hook(_adapt)


def _adapt(block: nn.Module, _args: Any, output: Tensor) -> Tensor:
    # A copy of the network has a copy of the bottleneck: the block at hand knows which.
    bottleneck: nn.Module = block.get_submodule(PART)
    adapted: Tensor = bottleneck(output)
    return adapted
