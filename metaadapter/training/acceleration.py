"""Two ways to make the network faster. Relations and closed forms around it stay as they are."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from metaadapter.generator import Generator

__all__ = ["compile_network", "mix_precision"]


def mix_precision(generator: Generator) -> None:
    """Compute the set encoder's products in bfloat16, which needs no loss scaling."""
    exact = generator.encoder.forward

    def mixed(*inputs: Any) -> tuple[Tensor, ...]:
        device = next(generator.parameters()).device.type
        with torch.autocast(device, torch.bfloat16):
            outputs = exact(*inputs)
        return tuple(output.float() for output in outputs)

    generator.encoder.forward = mixed  # type: ignore[assignment, method-assign]


def compile_network(generator: Generator) -> None:
    """Let torch fuse the set encoder; ways differ from draw to draw, hence `dynamic`."""
    generator.encoder.compile(dynamic=True)
