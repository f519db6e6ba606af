"""The sizes of tasks to draw: ways, shots, queries, imbalance and hardness."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from episodes.errors import EpisodeError, require_fraction, require_range
from episodes.label_index import LabelIndex


@dataclass(frozen=True, slots=True)
class EpisodeSpec:
    """The sizes of few-shot tasks. Ways and shots are drawn log-uniformly from their ranges.

    Raises:
        EpisodeError: A range is empty, or a number is out of its range.
    """

    n_way: tuple[int, int] = (2, 20)
    """Least and most classes of a task."""
    n_shot: tuple[int, int] = (1, 16)
    """Least and most labelled pictures of a class."""
    n_query: int = 10
    """The number of pictures to classify in each class."""
    imbalance: float = 0.0
    """The shots of a class are those of the task times e^u, with u uniform within ± this."""
    alike: bool = False
    """Give all tasks of one draw the same ways and shots, which is faster as padding is saved."""
    hard_share: float = 0.0
    """The fraction of the tasks whose classes have similar mean features."""

    def __post_init__(self) -> None:
        require_range("n_way", self.n_way, 2)
        require_range("n_shot", self.n_shot, 1)
        if self.n_query < 1:
            raise EpisodeError(f"n_query must be at least 1, got {self.n_query}")
        if not (self.imbalance >= 0 and math.isfinite(self.imbalance)):
            raise EpisodeError(f"imbalance must be 0 or more, got {self.imbalance}")
        require_fraction("hard_share", self.hard_share)

    def feasible(self, index: LabelIndex) -> EpisodeSpec:
        """Return the sizes with ranges that the labelled pictures of an index allow.

        A usable class has at least two pictures, one shot and one query. The number of usable
        classes limits the ways, and the largest class limits shots and queries; smaller classes
        have fewer.

        Raises:
            EpisodeError: There are too few pictures for the least ways or the least shots.
        """
        n_usable = int((index.counts_C >= 2).sum())
        most = max(index.counts_C.tolist(), default=0) - 1
        if n_usable < self.n_way[0] or most < self.n_shot[0]:
            raise EpisodeError(
                f"{self.n_way[0]} classes of 2 or more pictures are needed, one of them with "
                f"{self.n_shot[0]} shots and 1 query; there are {n_usable}, and the largest class "
                f"has {most + 1} pictures. Add pictures or classes, or lower n_way or n_shot"
            )
        return replace(
            self,
            n_way=(self.n_way[0], min(self.n_way[1], n_usable)),
            n_shot=(self.n_shot[0], min(self.n_shot[1], most)),
            n_query=min(self.n_query, most),
        )
