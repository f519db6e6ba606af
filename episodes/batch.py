"""A padded batch of few-shot tasks."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = ["EpisodeBatch"]


@dataclass(frozen=True, slots=True)
class EpisodeBatch:
    """T tasks of up to N ways, K shots and Q queries, padded to a common size.

    Features are unit rows of width D. Whatever a mask leaves out must not change any result: a
    padded batch gives the same as each task alone.

    Raises:
        ValueError: A query's label points at a class that is not there.
    """

    support_TNKD: Float[Tensor, "T N K D"]
    """Labelled pictures; row `[t, n, k]` counts only where `support_mask_TNK` is true."""
    support_mask_TNK: Bool[Tensor, "T N K"]
    query_TQD: Float[Tensor, "T Q D"]
    """Pictures to classify."""
    query_labels_TQ: Int[Tensor, "T Q"]
    """Class of each query, 0 … N − 1; −1 where the query is padding."""
    text_TND: Float[Tensor, "T N D"]
    """Text feature of each class name; a row of zeros where a class has no text."""
    class_mask_TN: Bool[Tensor, "T N"]
    """Which classes exist. A class may exist with a text and no picture."""

    def __post_init__(self) -> None:
        labels = self.query_labels_TQ
        there = self.class_mask_TN.gather(1, labels.clamp(min=0)) | (labels < 0)
        if not there.all():
            task = int((~there).nonzero()[0, 0])
            raise ValueError(f"task {task}: a query's label points at a class that is masked out")
