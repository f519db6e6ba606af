"""Draws tasks: supports of few shots are parts of larger ones, and all have the same queries."""

from __future__ import annotations

from dataclasses import replace

import torch

from episodes import EpisodeRows, LabelIndex, cross_domain_draws, nested_draws
from metaadapter.bench.evaluation.copies import without_copies
from metaadapter.bench.evaluation.draw_config import DrawConfig
from metaadapter.bench.evaluation.evaluation_set import QUERY, SUPPORT, EvaluationSet
from metaadapter.bench.evaluation.group_draws import enough_groups, group_draws
from metaadapter.bench.evaluation.pools import with_pools
from metaadapter.errors import DataError


def draw_tasks(data: EvaluationSet, config: DrawConfig, seed: int) -> EpisodeRows:
    """Return the rows of tasks with the most shots; `first(k)` of the result has k shots.

    Support, queries and pool of a task share no picture. Pictures of hidden classes are in
    `off_class_TO`. With `base_to_new` the ways are the classes sorted by name, and new classes have
    no support. Raise `DataError` if too few classes have enough pictures.
    """
    _require_classes(data, config)
    rows = _draw(data, config, seed)
    if config.base_to_new:
        rows = _base_to_new(rows)
    if config.queries == "all" and not (data.has_two_pools or data.is_by_group):
        rows = _with_the_rest(rows, data.index)
    if config.unknown:
        rows = _hold_out(rows, config.unknown, data.name)
    if config.pool:
        rows = with_pools(rows, data, config, seed)
    return rows


def classes_left_out(data: EvaluationSet, config: DrawConfig) -> dict[str, int]:
    """Return class → number of pictures, if these are too few for the most shots and a query.

    By group, both are from different groups.
    """
    n_shot, counts_CM = 1 if config.fewer_shots else max(config.shots), data.index.counts_CM
    counts_C = counts_CM[:, SUPPORT]
    is_enough_C = counts_C > n_shot
    if data.is_by_group:
        is_enough_C = torch.from_numpy(enough_groups(data, n_shot))
    elif data.has_two_pools:
        is_enough_C = (counts_C >= n_shot) & (counts_CM[:, QUERY] > 0)
    return {data.classes[c]: int(counts_C[c]) for c in (~is_enough_C).nonzero()[:, 0].tolist()}


def n_base_classes(n_classes: int) -> int:
    """Return the number of base classes, half of all classes, rounded up."""
    return (n_classes + 1) // 2


def _require_classes(data: EvaluationSet, config: DrawConfig) -> None:
    n_left = len(data.classes) - len(classes_left_out(data, config))
    counts_C = data.index.counts_CM[:, SUPPORT]
    if n_left < 2:
        largest = counts_C.argsort(descending=True)[:3].tolist()
        listed = ", ".join(f"{data.classes[c]} {int(counts_C[c])}" for c in largest)
        if data.n_near_copies and not data.has_two_pools:
            listed += f", without {data.n_near_copies} near copies of other pictures"
        raise DataError(
            f"the set {data.name} is too small: at least two classes need {max(config.shots)} "
            f"labelled pictures and a query{' from other groups' if data.is_by_group else ''}. "
            f"Pictures of its largest classes: {listed}. Ask for fewer --shots"
        )
    if config.base_to_new and n_left < 4:
        raise DataError(
            f"the set {data.name}: base_to_new needs four classes or more, two in each half, but "
            f"only {n_left} have enough pictures; ask for fewer --shots"
        )


def _draw(data: EvaluationSet, config: DrawConfig, seed: int) -> EpisodeRows:
    index, shots = data.index, config.ascending_shots
    most_ways = config.ways or index.n_classes
    if data.is_by_group:
        return group_draws(data, config, seed)
    if not data.has_two_pools:
        n_query = 0 if config.queries == "all" else config.queries
        return nested_draws(index, shots, n_query, config.tasks, most_ways, seed)
    rows = cross_domain_draws(
        index,
        support_domain=SUPPORT,
        query_domain=QUERY,
        n_shot=max(shots),
        n_query=int(index.counts_CM[:, QUERY].max()),
        n_tasks=config.tasks,
        most_ways=most_ways,
        seed=seed,
    )
    query_TNQ = without_copies(rows.query_TNQ, rows.support_TNK, data.copies_n)
    if not (query_TNQ >= 0).flatten(1).any(1).all():
        raise DataError(
            f"the set {data.name}: a task has no query, because all pictures for queries have the "
            "path, content or group of a labelled picture; ask for fewer --shots or add pictures"
        )
    n_query = query_TNQ.shape[2] if config.queries == "all" else config.queries
    return replace(rows, query_TNQ=query_TNQ[..., :n_query])


def _with_the_rest(rows: EpisodeRows, index: LabelIndex) -> EpisodeRows:
    """Make all pictures of a class its queries, except those in the support."""
    counts_TN1 = index.counts_CM[rows.classes_TN, SUPPORT][..., None]
    steps_P = torch.arange(int(counts_TN1.max()))
    places_TNP = index.starts_CM[rows.classes_TN, SUPPORT][..., None] + steps_P
    pool_TNP = index.rows_at(torch.where(steps_P < counts_TN1, places_TNP, -1))
    drawn_TNP = torch.stack(list(map(torch.isin, pool_TNP, rows.support_TNK)))
    return replace(rows, query_TNQ=pool_TNP.masked_fill(drawn_TNP, -1))


def _hold_out(rows: EpisodeRows, fraction: float, name: str) -> EpisodeRows:
    """Hide the last classes of each task; the order of its ways is random."""
    n_way = rows.classes_TN.shape[1]
    n_known = n_way - round(fraction * n_way)
    if not 2 <= n_known < n_way:
        raise DataError(
            f"the set {name}: unknown={fraction} leaves {n_known} of {n_way} classes known, but "
            "at least two must be known and one unknown; choose another fraction"
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
