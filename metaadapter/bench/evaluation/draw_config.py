"""The configuration of draws: the shape of tasks, and the sequence that they form."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

# An upper limit for all numbers, above any useful value.
MOST = 10**6
Count = Annotated[int, Field(ge=1, le=MOST)]
USUAL_POOL_SIZE = 15

PoolKind = Literal["balanced", "skewed", "strangers"]

Setting = Literal["task-incremental", "class-incremental", "pooled"]
"""The classes among which a continual learner answers a query.

- task-incremental: the classes of the query's task, also before that task is learned.
- class-incremental: the classes of all tasks learned so far; queries are of these tasks only.
- pooled: the classes of all tasks, learned or not (X-TAIL, Xu et al., NeurIPS 2024).
"""

_OF_ONE_TASK = ("tasks", "unknown", "pool", "by_group", "strangers", "metrics")
EXCLUDES = {
    "continual": (*_OF_ONE_TASK, "tree", "names"),
    "several": (*_OF_ONE_TASK, "tree", "names", "queries", "continual"),
}
"""Key of a configuration → the keys, also those of `EvaluationConfig`, that go without it."""


class DrawConfig(BaseModel):
    """The shape of tasks and, with `continual`, of the sequence that they form.

    Equal values draw equal tasks from equal sets.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    shots: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 2, 4, 8, 16)
    seeds: Count = 5
    """The number of draws; their seeds are 0 … seeds − 1."""
    tasks: Count = 1
    ways: Annotated[int, Field(ge=2, le=MOST)] | None = None
    """The number of classes of a task; None for all classes."""
    queries: Literal["all"] | Count = "all"
    """The number of queries of each class; "all" takes every picture outside the support."""
    unknown: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The fraction of a task's classes that are hidden from the method."""
    pool: PoolKind | None = None
    """The kind of a task's pool of unlabelled pictures; None for no pool."""
    pool_size: Count = USUAL_POOL_SIZE
    """The number of unlabelled pictures of each class in a pool; fewer if there are no more."""
    by_group: bool = False
    """Whether the labelled pictures of a set of one store are from other groups (the column `group`
    of the store) than queries and pool."""
    fewer_shots: bool = False
    """Whether a class with too few groups for its shots gives those that it has, instead of being
    left out. Its labelled pictures are then of as many groups as possible. Needs `by_group`."""
    continual: Setting | None = None
    """The setting of continual learners; without it the tasks are independent."""
    several: bool = False
    """Whether pictures have several labels, such as fox;snow."""
    splits: Count = 1
    """The number of tasks into which the classes of each store are divided."""
    shuffle: bool = False
    """Whether each seed draws an order of the tasks; if not, tasks have the order of the stores."""

    @model_validator(mode="after")
    def _is_possible(self) -> DrawConfig:
        fields = type(self).model_fields
        for kind, names in EXCLUDES.items():
            given = [name for name in names if name in fields]
            wrong = [name for name in given if getattr(self, name) != fields[name].default]
            if getattr(self, kind) and wrong:
                raise ValueError(f"{kind} excludes {', '.join(wrong)}; leave one of them out")
        if self.fewer_shots and not self.by_group:
            raise ValueError("fewer_shots needs by_group")
        if self.pool is None and self.pool_size != USUAL_POOL_SIZE:
            raise ValueError("pool_size needs a pool: balanced, skewed or strangers")
        if self.pool == "skewed" and self.queries == "all":
            raise ValueError(
                "a skewed pool would take most queries of some classes and few of others; "
                "give a number of queries, as in --queries 10"
            )
        if self.continual is None and (self.splits > 1 or self.shuffle):
            raise ValueError("splits and shuffle need continual, as in --set continual=pooled")
        return self

    @property
    def ascending_shots(self) -> tuple[int, ...]:
        """Each number of shots once, in ascending order."""
        return tuple(sorted(set(self.shots)))
