"""What tasks to draw: ranges of ways and shots, queries, imbalance, likeness of classes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from episodes.errors import EpisodeError
from episodes.label_index import LabelIndex


@dataclass(frozen=True, slots=True)
class EpisodeSpec:
    """Shape of few-shot tasks. Ways and shots are drawn log-uniformly over their range.

    Raises:
        EpisodeError: A range is empty or a size cannot be.
    """

    n_way: tuple[int, int] = (2, 20)
    """Least and most classes of a task."""
    n_shot: tuple[int, int] = (1, 16)
    """Least and most labelled pictures a class."""
    n_query: int = 10
    """Pictures to classify, a class."""
    imbalance: float = 0.0
    """Each class's shots are the task's times e^u, u uniform within ± this; 0: all equal."""
    alike: bool = False
    """All tasks of one draw have the same ways and shots: no padding, so faster."""
    hard_share: float = 0.0
    """Fraction of the tasks whose classes look alike, by their mean features."""

    def __post_init__(self) -> None:
        for name, ends, least in (("n_way", self.n_way, 2), ("n_shot", self.n_shot, 1)):
            if not least <= ends[0] <= ends[1]:
                raise EpisodeError(
                    f"{name} must be (least, most) with {least} <= least <= most, got {ends}"
                )
        if self.n_query < 1:
            raise EpisodeError(f"n_query must be at least 1, got {self.n_query}")
        if not (self.imbalance >= 0 and math.isfinite(self.imbalance)):
            raise EpisodeError(f"imbalance must be 0 or more, got {self.imbalance}")
        if not 0 <= self.hard_share <= 1:
            raise EpisodeError(f"hard_share must be within 0 to 1, got {self.hard_share}")

    def feasible(self, index: LabelIndex) -> EpisodeSpec:
        """Narrow the ranges to what the labelled pictures of an index can give.

        A class takes part with two pictures or more: one shot and one query. There are no more ways
        than such classes, and no more shots or queries than the largest class can give; smaller
        classes give what they have.

        Raises:
            EpisodeError: Not even the least ways or the least shots can be had.
        """
        n_usable = int((index.counts_C >= 2).sum())
        most = max(index.counts_C.tolist(), default=0) - 1
        if n_usable < self.n_way[0] or most < self.n_shot[0]:
            raise EpisodeError(
                f"{self.n_way[0]} classes of 2 or more pictures are needed, one of them of "
                f"{self.n_shot[0]} shots and 1 query; here are {n_usable}, and the largest class "
                f"has {most + 1}. Add pictures or classes, or lower n_way or n_shot"
            )
        return replace(
            self,
            n_way=(self.n_way[0], min(self.n_way[1], n_usable)),
            n_shot=(self.n_shot[0], min(self.n_shot[1], most)),
            n_query=min(self.n_query, most),
        )
