"""One random generator for each named use, all from one seed."""

from __future__ import annotations

import hashlib

import torch

__all__ = ["stream"]


def stream(seed: int, name: str) -> torch.Generator:
    """A generator on the CPU, so that every device sees the same draws.

    Uses do not disturb one another: one that draws more, or a new one, changes none of the rest.
    """
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
