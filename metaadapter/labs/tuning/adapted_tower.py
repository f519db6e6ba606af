"""An image tower with new adapters in its later blocks, for training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import final

import torch
from torch import Tensor, nn

from metaadapter.errors import UsageError
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.fingerprint import probe_picture
from metaadapter.features.towers.config import InsideConfig
from metaadapter.features.towers.inside import insert_inside, inside_tensors
from metaadapter.features.towers.places import find_places
from metaadapter.labs.tuning.cached_blocks import CachedBlocks


@final
class AdaptedTower:
    """A copy of an encoder's network with adapters in the later half of its image tower."""

    def __init__(
        self, encoder: FrozenEncoder, config: InsideConfig, n_looks: int, seed: int
    ) -> None:
        networks: list[nn.Module] = []
        encoder = encoder.adapted(networks.append, "in training")
        (self._network,) = networks
        places = [place for place in find_places(self._network) if place.tower == "image"]
        first = len(places) // 2
        if not first:
            raise UsageError(
                f"adapters go into the later half of several blocks, but the image tower of "
                f"{encoder.name} has {len(places)} block(s); use another encoder"
            )
        self.parameters = insert_inside(self._network, config, places[first:], seed=seed)
        self._network.to(encoder.device)
        probe = encoder.preprocess(probe_picture())[None].to(encoder.device)
        # A bottleneck follows its block, which can be cached; LoRA changes the block's weights.
        in_front = places[: first + (config.kind == "bottleneck")]
        tower = encoder.image_network()
        # Computes the features of looks with the adapters in their current state.
        self.cache = CachedBlocks(tower, self._network, in_front, probe, n_looks)
        self._start = [parameter.detach().clone() for parameter in self.parameters]

    @property
    def n_trained(self) -> int:
        """The count of trained numbers."""
        return sum(parameter.numel() for parameter in self.parameters)

    def restart(self) -> None:
        """Reset the adapters to their state before any training."""
        self._restore(self._start)

    @contextmanager
    def scaled(self, strength: float) -> Iterator[None]:
        """Multiply the output of the adapters by a factor within a `with` statement."""
        trained = [parameter.detach().clone() for parameter in self.parameters]
        self.scale(strength)
        yield
        self._restore(trained)

    def scale(self, strength: float) -> None:
        """Multiply what the adapters add to blocks or weights by a factor; it is linear in `up`."""
        for name, tensor in inside_tensors(self._network).items():
            if name.rpartition("/")[2].startswith("up"):
                tensor.mul_(strength)

    def tensors(self) -> dict[str, Tensor]:
        """The adapters in their current state, for a `StoredAdapter`."""
        tensors = inside_tensors(self._network)
        return {name: tensor.cpu().clone() for name, tensor in tensors.items()}

    @torch.no_grad()
    def _restore(self, tensors: Sequence[Tensor]) -> None:
        for parameter, tensor in zip(self.parameters, tensors, strict=True):
            parameter.copy_(tensor)
