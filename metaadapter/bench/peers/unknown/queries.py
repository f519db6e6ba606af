"""The queries, answers and supports from which a score recognizes strangers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.support import Support


@dataclass(frozen=True, slots=True)
class AnsweredQueries:
    """The queries of T tasks, and the answers of a method."""

    rows_TQD: Float[Tensor, "T Q D"]
    """Unit rows of the pictures."""
    logits_TQN: Float[Tensor, "T Q N"]
    """The method's logits; −∞ for a class that is ruled out."""
    support: Support
    """The labelled pictures and names that the method was fitted to."""
    words_WD: Float[Tensor, "W D"] | None = None
    """Unit rows of words, for a score that compares classes with words."""


Score = Callable[[AnsweredQueries], Float[Tensor, "T Q"]]
"""The score of each query, higher for known pictures; only the order within a task counts."""
