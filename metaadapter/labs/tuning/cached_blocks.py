"""The blocks of a tower up to the first adapted one, computed once for each look at a picture.

Training changes what comes behind them alone, so that a step need not compute them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from metaadapter.features.towers.places import Place

# Half precision rounds a map by no more than a feature store rounds a feature.
KEPT_AS = torch.float16


@final
class CachedBlocks:
    """What the blocks in front give for many looks, and the tower that goes on from there.

    Of the blocks in front only those are kept whose output is read behind them: the last one, and
    those that a feature is made of. The others are never run again.

    Args:
        tower: From preprocessed pixels to rows of features, in evaluation mode and float32. From
            now on it is to be used through this object alone, for its blocks in front answer from
            what is kept.
        network: The module within which the blocks have their names; its image tower is `tower`'s.
        in_front: The blocks in front, in the order in which they run. What hooks add to their
            output is not kept, but computed in each step.
        probe: The preprocessed pixels of some picture.
        n_looks: How many looks there will be.
    """

    def __init__(
        self,
        tower: nn.Module,
        network: nn.Module,
        in_front: Sequence[Place],
        probe: Float[Tensor, "1 3 height width"],
        n_looks: int,
    ) -> None:
        self._tower, self._n_filled = tower, 0
        self._nothing = torch.zeros_like(probe)
        blocks = {place.name: _Replayed(network, place) for place in in_front}
        self._blocks = list(blocks.values())
        self._needed = self._find_needed(probe)
        self._kept = [torch.empty(n_looks, *block.shape, dtype=KEPT_AS) for block in self._needed]

    def __len__(self) -> int:
        """The number of looks that are kept."""
        return self._n_filled

    @torch.no_grad()
    def add(self, pixels: Float[Tensor, "n 3 height width"]) -> None:
        """Run the blocks in front for preprocessed looks; their numbers go on from the last one."""
        places = slice(self._n_filled, self._n_filled + len(pixels))
        self._run(pixels)
        for kept, block in zip(self._kept, self._needed, strict=True):
            kept[places] = block.taken().to("cpu", KEPT_AS)
        self._n_filled = places.stop

    def features(self, looks: Int[Tensor, " n"]) -> Float[Tensor, "n width"]:
        """What the tower gives for the looks with these numbers; differentiable behind the cut."""
        for block in self._blocks:
            block.given = self._nothing.new_zeros(1).expand(len(looks), *block.shape)
        for block, kept in zip(self._needed, self._kept, strict=True):
            block.given = kept[looks].to(self._nothing)
        found: Tensor = self._tower(self._nothing.expand(len(looks), -1, -1, -1))
        return found

    def _run(self, pixels: Tensor) -> None:
        """Run the blocks in front, each of which keeps its output, and nothing behind them."""
        for block in self._blocks:
            block.given = None
        self._blocks[-1].is_end = True
        try:
            self._tower(pixels.to(self._nothing, memory_format=torch.channels_last))
        except _EndReached:
            pass
        finally:
            self._blocks[-1].is_end = False

    @torch.no_grad()
    def _find_needed(self, probe: Tensor) -> list[_Replayed]:
        """The blocks whose output is read by more than blocks in front."""
        self._run(probe)
        outputs = [block.taken().to(KEPT_AS).to(probe) for block in self._blocks]

        def reaches_features(block: _Replayed) -> bool:
            for each, output in zip(self._blocks, outputs, strict=True):
                each.given = output
            block.given = torch.full_like(outputs[self._blocks.index(block)], torch.nan)
            return bool(self._tower(self._nothing).isnan().any())

        return [block for block in self._blocks if reaches_features(block)]


class _EndReached(Exception):
    """The last block in front has run."""


class _Replayed:
    """A block that gives what it is told to, or keeps what it computes; pictures come first."""

    def __init__(self, network: nn.Module, place: Place) -> None:
        self.shape, self._batch_first = place.shape, place.batch_first
        self.given: Tensor | None = None
        self.is_end = False
        self._output: Tensor | None = None
        block: Any = network.get_submodule(place.name)
        compute = block.forward

        def forward(*args: Any, **kwargs: Any) -> Tensor:
            if self.given is None:
                self._output = compute(*args, **kwargs)
                if self.is_end:
                    raise _EndReached
                return self._output
            return self.given if self._batch_first else self.given.transpose(0, 1)

        block.forward = forward

    def taken(self) -> Tensor:
        """What it computed last, which is kept no longer."""
        output, self._output = self._output, None
        if output is None:
            raise RuntimeError("a block in front of the adapted ones did not run")
        return output if self._batch_first else output.transpose(0, 1)
