"""Draws tasks: nested supports, and the same queries at every number of shots."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from episodes import EpisodeRows, LabelIndex, cross_domain_draws, nested_draws
from metaadapter.bench.evaluation.evaluation_set import QUERY, SUPPORT, EvaluationSet
from metaadapter.bench.evaluation.pools import PoolKind, PoolSize, with_pools
from metaadapter.errors import DataError

# More of anything than can be drawn.
MOST = 10**6
Count = Annotated[int, Field(ge=1, le=MOST)]
USUAL_POOL_SIZE = 15


class DrawConfig(BaseModel):
    """The shape of tasks; equal values draw equal tasks from equal sets."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    shots: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 2, 4, 8, 16)
    seeds: Count = 5
    """The number of draws; their seeds are 0 … seeds − 1."""
    tasks: Count = 1
    """The number of tasks of a draw."""
    ways: Annotated[int, Field(ge=2, le=MOST)] | None = None
    """The number of classes of a task; None for all classes."""
    queries: Literal["all"] | Count = "all"
    """Queries of each class; "all" pictures that are in no support of the draw."""
    unknown: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The fraction of a task's classes that are hidden from the method."""
    pool: PoolKind | None = None
    """The kind of a task's pool of unlabelled pictures; None for no pool."""
    pool_size: PoolSize = USUAL_POOL_SIZE
    """Unlabelled pictures of each class in a pool, or as many as there are. From a range each task
    draws its own number, log-uniformly."""
    base_to_new: bool = False
    """Adapt on the first half of the classes, and score each half by itself."""

    @field_validator("pool_size", mode="before")
    @classmethod
    def _is_number_or_range(cls, given: Any) -> Any:
        is_range = isinstance(given, list | tuple)
        ends = list(given) if is_range else [given]
        is_whole = all(type(end) is int and 1 <= end <= MOST for end in ends)
        if is_whole and (not is_range or (len(ends) == 2 and ends[0] < ends[1])):
            return given
        # The error of a union of types would list each type.
        raise PydanticCustomError(
            "pool_size",
            "Input should be a whole number from 1 to 1000000, or two of them as in [1, 40], "
            "the smaller one first",
        )

    @model_validator(mode="after")
    def _takes_all_classes(self) -> DrawConfig:
        if self.base_to_new and (self.ways is not None or self.unknown):
            raise ValueError("base_to_new takes all classes, so neither ways nor unknown")
        if self.base_to_new and self.pool:
            raise ValueError("base_to_new cannot have a pool")
        if self.pool is None and self.pool_size != USUAL_POOL_SIZE:
            raise ValueError("pool_size needs a pool: balanced, skewed or strangers")
        if self.pool == "skewed" and self.queries == "all":
            raise ValueError(
                "a skewed pool would take most queries of some classes and few of others; "
                "give a number of queries, as in --queries 10"
            )
        return self

    @property
    def ascending_shots(self) -> tuple[int, ...]:
        """Each number of shots once, in ascending order."""
        return tuple(sorted(set(self.shots)))


def draw_tasks(data: EvaluationSet, config: DrawConfig, seed: int) -> EpisodeRows:
    """Rows with the most shots; `rows.first(k)` has the first k of each class's permutation.

    Support, queries and pool of a task share no picture. Pictures of hidden classes are
    `off_class_TO`. For base-to-new the ways are the classes in the order of their names, and new
    classes have no support.

    Raises:
        DataError: Fewer than two classes have enough pictures; four for base-to-new.
    """
    _require_classes(data, config)
    rows = _draw(data, config, seed)
    if config.base_to_new:
        rows = _base_to_new(rows)
    if config.queries == "all":
        rows = _with_the_rest(rows, data.index, QUERY if data.has_two_pools else SUPPORT)
    if config.unknown:
        rows = _hold_out(rows, config.unknown, data.name)
    if config.pool:
        takes_queries = config.queries == "all"
        rows = with_pools(
            rows, data, config.pool, config.pool_size, seed, takes_queries=takes_queries
        )
    return rows


def classes_left_out(data: EvaluationSet, config: DrawConfig) -> dict[str, int]:
    """Classes with too few pictures for the most shots and a query → their number of pictures."""
    n_shot, counts_CM = max(config.shots), data.index.counts_CM
    counts_C = counts_CM[:, SUPPORT]
    is_enough_C = counts_C > n_shot
    if data.has_two_pools:
        is_enough_C = (counts_C >= n_shot) & (counts_CM[:, QUERY] > 0)
    return {data.classes[c]: int(counts_C[c]) for c in (~is_enough_C).nonzero()[:, 0].tolist()}


def n_base_classes(n_classes: int) -> int:
    """The number of base classes: the first half, rounded up."""
    return (n_classes + 1) // 2


def _require_classes(data: EvaluationSet, config: DrawConfig) -> None:
    n_left = len(data.classes) - len(classes_left_out(data, config))
    counts_C = data.index.counts_CM[:, SUPPORT]
    if n_left < 2:
        largest = counts_C.argsort(descending=True)[:3].tolist()
        listed = ", ".join(f"{data.classes[c]} {int(counts_C[c])}" for c in largest)
        raise DataError(
            f"the set {data.name}: expected two classes or more with {max(config.shots)} labelled "
            f"pictures and a query; the largest have: {listed}. Ask for fewer --shots"
        )
    if config.base_to_new and n_left < 4:
        raise DataError(
            f"the set {data.name}: --base-to-new needs four classes or more, two in each half; "
            f"{n_left} have enough pictures"
        )


def _draw(data: EvaluationSet, config: DrawConfig, seed: int) -> EpisodeRows:
    index, shots = data.index, config.ascending_shots
    most_ways = config.ways or index.n_classes
    if not data.has_two_pools:
        n_query = 0 if config.queries == "all" else config.queries
        return nested_draws(index, shots, n_query, config.tasks, most_ways, seed)
    return cross_domain_draws(
        index,
        support_domain=SUPPORT,
        query_domain=QUERY,
        n_shot=max(shots),
        n_query=1 if config.queries == "all" else config.queries,
        n_tasks=config.tasks,
        most_ways=most_ways,
        seed=seed,
    )


def _with_the_rest(rows: EpisodeRows, index: LabelIndex, domain: int) -> EpisodeRows:
    """Take all pictures of each class in a domain as queries, except those of the support."""
    counts_TN1 = index.counts_CM[rows.classes_TN, domain][..., None]
    steps_P = torch.arange(int(counts_TN1.max()))
    places_TNP = index.starts_CM[rows.classes_TN, domain][..., None] + steps_P
    pool_TNP = index.rows_at(torch.where(steps_P < counts_TN1, places_TNP, -1))
    drawn_TNP = torch.stack(list(map(torch.isin, pool_TNP, rows.support_TNK)))
    return replace(rows, query_TNQ=pool_TNP.masked_fill(drawn_TNP, -1))


def _hold_out(rows: EpisodeRows, fraction: float, name: str) -> EpisodeRows:
    """Hide the last classes of each task; the order of the ways is random."""
    n_way = rows.classes_TN.shape[1]
    n_known = n_way - round(fraction * n_way)
    if not 2 <= n_known < n_way:
        raise DataError(
            f"the set {name}: a fraction of {fraction} unknown among {n_way} classes leaves "
            f"{n_known} known; two or more must be known and one unknown: choose another --unknown"
        )
    return replace(
        rows,
        classes_TN=rows.classes_TN[:, :n_known],
        support_TNK=rows.support_TNK[:, :n_known],
        twin_TNK=rows.twin_TNK[:, :n_known],
        query_TNQ=rows.query_TNQ[:, :n_known],
        off_class_TO=rows.query_TNQ[:, n_known:].flatten(1),
    )


def _base_to_new(rows: EpisodeRows) -> EpisodeRows:
    classes_TN, order_TN = rows.classes_TN.sort(dim=1)
    is_new_N = torch.arange(classes_TN.shape[1]) >= n_base_classes(classes_TN.shape[1])
    support_TNK, query_TNQ = (
        rows_TNX.take_along_dim(order_TN[..., None], 1)
        for rows_TNX in (rows.support_TNK, rows.query_TNQ)
    )
    return replace(
        rows,
        classes_TN=classes_TN,
        support_TNK=support_TNK.masked_fill(is_new_N[:, None], -1),
        query_TNQ=query_TNQ,
    )
