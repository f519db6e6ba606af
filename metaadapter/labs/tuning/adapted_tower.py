"""An image tower with new adapters in its later blocks, to be trained."""

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
    """A shared copy of an encoder's network with adapters in the later half of its image tower.

    Args:
        encoder: What is copied; it stays as it is.
        config: Of which kind the adapters are.
        n_looks: How many looks at pictures the tower will be shown.
        seed: That of the adapters.

    Attributes:
        cache: What gives features of looks by the adapters as they are by now.
        parameters: What is trained.

    Raises:
        UsageError: The image tower has fewer than two blocks.
    """

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
                f"the image tower of {encoder.name} has {len(places)} block(s), and adapters stand "
                "in the later half of several"
            )
        self.parameters = insert_inside(self._network, config, places[first:], seed=seed)
        self._network.to(encoder.device)
        probe = encoder.preprocess(probe_picture())[None].to(encoder.device)
        # A bottleneck stands behind its block, which can be kept; LoRA is in the block's weights.
        in_front = places[: first + (config.kind == "bottleneck")]
        tower = encoder.image_network()
        self.cache = CachedBlocks(tower, self._network, in_front, probe, n_looks)
        self._start = [each.detach().clone() for each in self.parameters]

    @property
    def n_trained(self) -> int:
        """The count of trained numbers."""
        return sum(each.numel() for each in self.parameters)

    def restart(self) -> None:
        """Make the adapters as they were before any training."""
        self._put(self._start)

    @contextmanager
    def scaled(self, strength: float) -> Iterator[None]:
        """For a while what the adapters add is multiplied by this."""
        trained = [each.detach().clone() for each in self.parameters]
        self.scale(strength)
        yield
        self._put(trained)

    def scale(self, strength: float) -> None:
        """Multiply what the adapters add, to blocks or to weights; it is linear in `up`."""
        for name, tensor in inside_tensors(self._network).items():
            if name.rpartition("/")[2].startswith("up"):
                tensor.mul_(strength)

    def tensors(self) -> dict[str, Tensor]:
        """The adapters, as they are by now, for a `StoredAdapter`."""
        return {name: each.cpu().clone() for name, each in inside_tensors(self._network).items()}

    @torch.no_grad()
    def _put(self, tensors: Sequence[Tensor]) -> None:
        for parameter, tensor in zip(self.parameters, tensors, strict=True):
            parameter.copy_(tensor)
