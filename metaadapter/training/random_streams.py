"""The random numbers of a run: a stream for each use, in each step."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

USES = ("episodes", "perturb")


def stream(seed: int, name: str) -> torch.Generator:
    """Return a random generator on the CPU for one use; draws for one use do not affect another."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


@contextmanager
def streams_of_step(seed: int, step: int) -> Iterator[Mapping[str, torch.Generator]]:
    """Yield the streams of one step by their use, and seed torch's global state.

    They follow from these numbers, so a resumed run draws the same ones. The user's code may draw
    from the global state (dropout), which is that of the caller again after the block.
    """
    own = f"step {step}"
    streams = {use: stream(seed, f"{use} in {own}") for use in USES}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream(seed, own).initial_seed())
        yield streams
