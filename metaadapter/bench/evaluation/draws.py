"""Draws tasks: nested supports, and the same queries at every number of shots."""

from __future__ import annotations

from dataclasses import replace

import torch

from episodes import EpisodeRows, LabelIndex, cross_domain_draws, nested_draws
from metaadapter.bench.evaluation.draw_config import DrawConfig
from metaadapter.bench.evaluation.evaluation_set import QUERY, SUPPORT, EvaluationSet
from metaadapter.bench.evaluation.pools import with_pools
from metaadapter.errors import DataError


def draw_tasks(data: EvaluationSet, config: DrawConfig, seed: int) -> EpisodeRows:
    """Rows with the most shots; `rows.first(k)` has the first k of each class's permutation.

    Support, queries and pool of a task share no picture. Pictures of hidden classes are
    `off_class_TO`. For base-to-new the ways are the classes in the order of their names, and new
    classes have no support. Too few classes with enough pictures are a `DataError`.
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
