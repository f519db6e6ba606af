"""The random numbers of a run: a stream for each use, in each of its processes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import final

import torch
from torch import Tensor

from metaadapter.training.processes import Processes

USES = ("episodes", "perturb", "inner")


def stream(seed: int, name: str) -> torch.Generator:
    """Return a random generator on the CPU for one use; draws for one use do not affect another."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


@final
class RandomStreams:
    """The streams of one process, which depend on the seed of the run and on its rank."""

    def __init__(self, seed: int, processes: Processes, device: torch.device) -> None:
        self._seed, self._processes = seed, processes
        self._of_use = {use: stream(seed, processes.own(use)) for use in USES}
        if device.type == "cuda":  # which then draws the noise of all pictures itself
            first = self._of_use["perturb"].initial_seed()
            self._of_use["perturb"] = torch.Generator(device).manual_seed(first)

    def __getitem__(self, use: str) -> torch.Generator:
        return self._of_use[use]

    @contextmanager
    def of_step(self, step: int) -> Iterator[None]:
        """Seed torch's global random state for a block; the caller's state does not change.

        The user's code may draw from this state (dropout). A resumed run draws the same numbers.
        """
        with torch.random.fork_rng(devices=[]):
            name = self._processes.own(f"step {step}")
            torch.manual_seed(stream(self._seed, name).initial_seed())
            yield

    def state(self) -> dict[str, Tensor]:
        """Return the states of the streams of all processes."""
        return {
            f"{use}{rank or ''}": state
            for use, generator in self._of_use.items()
            for rank, state in enumerate(self._processes.gather(generator.get_state()))
        }

    def restore(self, states: Mapping[str, Tensor], step: int) -> None:
        """Continue from the `state` after a step."""
        for use, generator in self._of_use.items():
            state = states[f"{use}{self._processes.rank or ''}"]
            if len(state) == len(generator.get_state()):
                generator.set_state(state)
            else:  # that of another device, whose numbers are others anyway
                name = self._processes.own(f"{use} from step {step}")
                generator.manual_seed(stream(self._seed, name).initial_seed())
