"""An image tower with new adapters in its later blocks, and a cache of earlier blocks' outputs.

Training changes only the later blocks, so that a step need not compute the earlier ones again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from metaadapter.errors import UsageError
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.fingerprint import probe_picture
from metaadapter.features.towers.config import InsideConfig
from metaadapter.features.towers.inside import insert_inside, inside_tensors
from metaadapter.features.towers.places import Place, find_places

# Half precision suffices for outputs of blocks, as it does for features in a store.
CACHED_AS = torch.float16


@final
class AdaptedTower:
    """A copy of an encoder's image tower with adapters in its later half, for cached looks.

    Only outputs of blocks before the adapters that later parts read are cached: the output of the
    last of these blocks, and the outputs that features are made of.
    """

    def __init__(
        self, encoder: FrozenEncoder, config: InsideConfig, n_looks: int, seed: int
    ) -> None:
        networks: list[nn.Module] = []
        encoder = encoder.adapted(networks.append, "in training")
        (self._network,) = networks
        places = find_places(self._network)
        first = len(places) // 2
        if not first:
            raise UsageError(
                f"adapters go into the later half of several blocks, but the image tower of "
                f"{encoder.name} has {len(places)} block(s); use another encoder"
            )
        self.parameters = insert_inside(self._network, config, places[first:], seed=seed)
        self._network.to(encoder.device)
        self._tower = encoder.image_network()
        probe = encoder.preprocess(probe_picture())[None].to(encoder.device)
        self._blank, self._n_filled = torch.zeros_like(probe), 0
        # A bottleneck comes after its block, so this block's output can be cached as well.
        in_front = places[: first + (config.kind == "bottleneck")]
        self._blocks = [_Replayed(self._network, place) for place in in_front]
        self._needed = self._find_needed(probe)
        self._cached = [
            torch.empty(n_looks, *block.shape, dtype=CACHED_AS) for block in self._needed
        ]
        self.start = self.state()

    @torch.no_grad()
    def add(self, pixels: Float[Tensor, "n 3 height width"]) -> None:
        """Cache preprocessed looks, which are numbered from 0."""
        numbers = slice(self._n_filled, self._n_filled + len(pixels))
        self._run(pixels)
        for cached, block in zip(self._cached, self._needed, strict=True):
            cached[numbers] = block.output.to("cpu", CACHED_AS)
        self._n_filled = numbers.stop

    def features(self, looks: Int[Tensor, " n"]) -> Float[Tensor, "n width"]:
        """Return the features of the looks with these numbers, with gradients for the adapters."""
        for block in self._blocks:
            block.replay = self._blank.new_zeros(1).expand(len(looks), *block.shape)
        for block, cached in zip(self._needed, self._cached, strict=True):
            block.replay = cached[looks].to(self._blank)
        features: Tensor = self._tower(self._blank.expand(len(looks), -1, -1, -1))
        return features

    def state(self) -> list[Tensor]:
        """Return a copy of the trained weights, for `restore`."""
        return [parameter.detach().clone() for parameter in self.parameters]

    @torch.no_grad()
    def restore(self, state: Sequence[Tensor]) -> None:
        """Reset the adapters to a state."""
        for parameter, tensor in zip(self.parameters, state, strict=True):
            parameter.copy_(tensor)

    def scale(self, strength: float) -> None:
        """Multiply what the adapters add to blocks or weights by a factor, by scaling `up`."""
        for name, tensor in inside_tensors(self._network).items():
            if name.rpartition("/")[2].startswith("up"):
                tensor.mul_(strength)

    def tensors(self) -> dict[str, Tensor]:
        """The adapters in their current state, for a `StoredAdapter`."""
        tensors = inside_tensors(self._network)
        return {name: tensor.cpu().clone() for name, tensor in tensors.items()}

    def _run(self, pixels: Tensor) -> None:
        for block in self._blocks:
            block.replay = None
        self._tower(pixels.to(self._blank, memory_format=torch.channels_last))

    @torch.no_grad()
    def _find_needed(self, probe: Tensor) -> list[_Replayed]:
        """Return the first blocks whose output is read by later parts of the tower."""
        self._run(probe)
        outputs = [block.output for block in self._blocks]

        def reaches_features(number: int) -> bool:
            for block, output in zip(self._blocks, outputs, strict=True):
                block.replay = output
            self._blocks[number].replay = torch.full_like(outputs[number], torch.nan)
            return bool(self._tower(self._blank).isnan().any())

        return [block for n, block in enumerate(self._blocks) if reaches_features(n)]


class _Replayed:
    """A block that replays a given output, or records its own; axis 0 of both is for pictures."""

    output: Tensor

    def __init__(self, network: nn.Module, place: Place) -> None:
        self.shape = place.shape
        self.replay: Tensor | None = None
        block: Any = network.get_submodule(place.name)
        compute = block.forward

        def turned(output: Tensor) -> Tensor:
            return output if place.batch_first else output.transpose(0, 1)

        def forward(*args: Any, **kwargs: Any) -> Tensor:
            if self.replay is None:
                output: Tensor = compute(*args, **kwargs)
                self.output = turned(output)
                return output
            return turned(self.replay)

        block.forward = forward
