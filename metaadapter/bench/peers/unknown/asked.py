"""What a score may know of pictures when it tells those of the classes from strangers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.support import Support


@dataclass(frozen=True, slots=True)
class Asked:
    """Pictures that T tasks are asked about, and what a method answered."""

    rows_TQD: Float[Tensor, "T Q D"]
    """Unit rows of the pictures."""
    logits_TQN: Float[Tensor, "T Q N"]
    """The method's answers; −∞ for a class that is ruled out."""
    support: Support
    """The labelled pictures and names that the method was fitted to."""
    words_WD: Float[Tensor, "W D"] | None = None
    """Unit rows of words that classes may be far from, for a score that reads them."""


Score = Callable[[Asked], Float[Tensor, "T Q"]]
"""How surely each picture shows one of its task's classes: only the order within a task counts."""
