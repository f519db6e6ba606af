"""What is measured: a few-shot head with its name and what it was made with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from metaadapter.adapter import AdapterWeights, Support
from metaadapter.evaluation.meta_training import MetaTraining

__all__ = ["Method"]


@dataclass(frozen=True, slots=True)
class Method:
    """A few-shot head: support in, adapter out."""

    name: str
    """As it was asked for, and as rows and reports call it."""
    identity: str
    """Changes when its answers may: with its program, its constants or its weights."""
    fit: Callable[[Support], AdapterWeights]
    meta_training: MetaTraining | None
    """Data that the method itself was made with; None where nobody wrote it down."""
    trained_by_hand: Callable[[int, int], int] | None = None
    """Numbers it trains for N classes of width D, if no torch optimizer does."""
