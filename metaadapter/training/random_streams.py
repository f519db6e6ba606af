"""Random numbers by purpose: each use draws from a stream of its own."""

from __future__ import annotations

import hashlib

import torch


def stream(seed: int, name: str) -> torch.Generator:
    """Return the random generator of one use, on the CPU so that every device gets its draws.

    Uses do not disturb one another: a new one, or one that draws more, changes no other.
    """
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
