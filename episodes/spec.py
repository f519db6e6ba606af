"""What tasks to draw: ranges of ways and shots, queries, imbalance."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from episodes.errors import EpisodeError
from episodes.label_index import LabelIndex

__all__ = ["EpisodeSpec"]


@dataclass(frozen=True, slots=True)
class EpisodeSpec:
    """Sizes of few-shot tasks. Ways and shots are drawn log-uniformly over their range.

    Raises:
        EpisodeError: if a range is empty or a size cannot be.
    """

    n_way: tuple[int, int]
    """Least and most classes of a task."""
    n_shot: tuple[int, int]
    """Least and most labelled pictures a class."""
    n_query: int
    """Pictures to classify, a class."""
    imbalance: float = 0.0
    """Each class's shots are the task's times e^u, u uniform within ± this; 0: all equal."""
    alike: bool = False
    """All tasks of one draw have the same ways and shots: no padding, so faster."""

    def __post_init__(self) -> None:
        _require_range("n_way", self.n_way, least=2)
        _require_range("n_shot", self.n_shot, least=1)
        if self.n_query < 1:
            raise EpisodeError(f"n_query must be at least 1, got {self.n_query}")
        if not (self.imbalance >= 0 and math.isfinite(self.imbalance)):
            raise EpisodeError(f"imbalance must be 0 or more, got {self.imbalance}")

    def feasible(self, index: LabelIndex) -> EpisodeSpec:
        """Narrow the ranges to what these labelled pictures can give.

        A class takes part with two pictures or more: one shot and one query.

        Args:
            index: the pictures of each class.

        Returns:
            A specification with no more ways than there are such classes, and no more shots or
            queries than the largest class can give. Smaller classes give what they have.

        Raises:
            EpisodeError: if not even the least ways or the least shots can be had.
        """
        counts = index.counts_C
        n_usable = int((counts >= 2).sum())
        if n_usable < self.n_way[0]:
            raise EpisodeError(_too_few_classes(index, n_usable, self.n_way[0]))
        largest = int(counts.argmax())
        most = int(counts[largest]) - 1
        if most < self.n_shot[0]:
            raise EpisodeError(
                f"the largest class, {index.names[largest]!r}, has {most + 1} pictures but "
                f"{self.n_shot[0]} shots and 1 query = {self.n_shot[0] + 1} are needed; "
                f"lower n_shot to {most} or add pictures"
            )
        return replace(
            self,
            n_way=(self.n_way[0], min(self.n_way[1], n_usable)),
            n_shot=(self.n_shot[0], min(self.n_shot[1], most)),
            n_query=min(self.n_query, most),
        )


def _require_range(name: str, ends: tuple[int, int], *, least: int) -> None:
    if not least <= ends[0] <= ends[1]:
        raise EpisodeError(
            f"{name} must be (least, most) with {least} <= least <= most, got {ends}"
        )


def _too_few_classes(index: LabelIndex, n_usable: int, needed: int) -> str:
    message = f"{needed} classes of 2 or more pictures are needed, {n_usable} of them are here"
    too_small = index.counts_C.masked_fill(index.counts_C >= 2, -1)
    if len(too_small) and too_small.max() >= 0:
        name, count = index.names[int(too_small.argmax())], int(too_small.max())
        message += f"; class {name!r} has {count}, and a shot and a query need 2"
    return f"{message}. Add pictures or classes, or lower n_way"
