"""An image tower with new adapters in its later blocks, and a cache of earlier blocks' outputs.

Training changes only the later blocks, so that a step need not compute the earlier ones again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
        # A bottleneck comes after its block, so this block's output can be cached as well.
        in_front = places[: first + (config.kind == "bottleneck")]
        tower = encoder.image_network()
        # Computes the features of looks with the adapters in their current state.
        self.cache = CachedBlocks(tower, self._network, in_front, probe, n_looks)
        self._start = [parameter.detach().clone() for parameter in self.parameters]

    @property
    def n_trained(self) -> int:
        """The number of trained weights."""
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
        """Multiply what the adapters add to blocks or weights by a factor, by scaling `up`."""
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


@final
class CachedBlocks:
    """The outputs of the first blocks for many looks, and the tower that continues from them.

    Only outputs that later parts read are cached: the output of the last of the first blocks, and
    the outputs that features are made of. From now on, use `tower`, the image tower of `network` in
    evaluation mode and float32, only through this object. What hooks add to the outputs of the
    first blocks is not cached, but computed in each step.
    """

    def __init__(
        self,
        tower: nn.Module,
        network: nn.Module,
        first_blocks: Sequence[Place],
        probe: Float[Tensor, "1 3 height width"],
        n_looks: int,
    ) -> None:
        self._tower, self._n_filled = tower, 0
        self._blank = torch.zeros_like(probe)
        blocks = {place.name: _Replayed(network, place) for place in first_blocks}
        self._blocks = list(blocks.values())
        self._needed = self._find_needed(probe)
        self._cached = [
            torch.empty(n_looks, *block.shape, dtype=CACHED_AS) for block in self._needed
        ]

    def __len__(self) -> int:
        """The number of cached looks."""
        return self._n_filled

    @torch.no_grad()
    def add(self, pixels: Float[Tensor, "n 3 height width"]) -> None:
        """Run the first blocks on preprocessed looks; the cached looks are numbered from 0."""
        places = slice(self._n_filled, self._n_filled + len(pixels))
        self._run(pixels)
        for cached, block in zip(self._cached, self._needed, strict=True):
            cached[places] = block.take_output().to("cpu", CACHED_AS)
        self._n_filled = places.stop

    def features(self, looks: Int[Tensor, " n"]) -> Float[Tensor, "n width"]:
        """Return the features of the looks with these numbers, with gradients for later blocks."""
        for block in self._blocks:
            block.replay = self._blank.new_zeros(1).expand(len(looks), *block.shape)
        for block, cached in zip(self._needed, self._cached, strict=True):
            block.replay = cached[looks].to(self._blank)
        features: Tensor = self._tower(self._blank.expand(len(looks), -1, -1, -1))
        return features

    def _run(self, pixels: Tensor) -> None:
        """Run the first blocks, which record their outputs, and nothing after them."""
        for block in self._blocks:
            block.replay = None
        self._blocks[-1].is_end = True
        try:
            self._tower(pixels.to(self._blank, memory_format=torch.channels_last))
        except _EndReached:
            pass
        finally:
            self._blocks[-1].is_end = False

    @torch.no_grad()
    def _find_needed(self, probe: Tensor) -> list[_Replayed]:
        """Return the first blocks whose output is read by later parts of the tower."""
        self._run(probe)
        outputs = [block.take_output().to(CACHED_AS).to(probe) for block in self._blocks]

        def reaches_features(block: _Replayed) -> bool:
            for other, output in zip(self._blocks, outputs, strict=True):
                other.replay = output
            block.replay = torch.full_like(outputs[self._blocks.index(block)], torch.nan)
            return bool(self._tower(self._blank).isnan().any())

        return [block for block in self._blocks if reaches_features(block)]


class _EndReached(Exception):
    """The last of the first blocks has run."""


class _Replayed:
    """A block that replays a given output, or records its own; axis 0 of both is for pictures."""

    def __init__(self, network: nn.Module, place: Place) -> None:
        self.shape, self._batch_first = place.shape, place.batch_first
        self.replay: Tensor | None = None
        self.is_end = False
        self._output: Tensor | None = None
        block: Any = network.get_submodule(place.name)
        compute = block.forward

        def forward(*args: Any, **kwargs: Any) -> Tensor:
            if self.replay is None:
                self._output = compute(*args, **kwargs)
                if self.is_end:
                    raise _EndReached
                return self._output
            return self.replay if self._batch_first else self.replay.transpose(0, 1)

        block.forward = forward

    def take_output(self) -> Tensor:
        """Return the recorded output, and forget it."""
        output, self._output = self._output, None
        if output is None:
            raise RuntimeError("a block before the adapted ones did not run")
        return output if self._batch_first else output.transpose(0, 1)
