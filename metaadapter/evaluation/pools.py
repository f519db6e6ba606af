"""Pools: unlabelled pictures of a task, in neither its support nor its queries."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from episodes import EpisodeRows
from metaadapter.errors import DataError
from metaadapter.evaluation.evaluation_set import QUERY, SUPPORT, EvaluationSet

__all__ = ["PoolKind", "with_pools"]

PoolKind = Literal["balanced", "skewed", "strangers"]
# Dirichlet's concentration of the shares of classes in a skewed pool.
CONCENTRATION = 0.3
# Of a pool with strangers.
STRANGERS = 0.4
# Keeps these draws apart from others of the same seed.
STREAM = 0x706F6F6C


def with_pools(
    rows: EpisodeRows,
    data: EvaluationSet,
    kind: PoolKind,
    size: int,
    seed: int,
    *,
    takes_queries: bool,
) -> EpisodeRows:
    """The tasks with a pool each: balanced, skewed, or balanced with 40 % strangers.

    A pool has `size` pictures of each class, or what is left of it; in a skewed one the classes
    have shares of as many in all, drawn from a Dirichlet distribution with 0.3. Strangers are of
    the set's classes that are not in the task.

    Args:
        rows: The tasks.
        data: The set.
        kind: What the pool is like.
        size: Pictures of a class.
        seed: The seed of the draw.
        takes_queries: Take them from the queries, of which one a class stays; else from pictures
            that have no part in the task.

    Raises:
        DataError: There are no strangers, as a task has all classes, or no picture is left.
    """
    rng = np.random.default_rng([seed, STREAM])
    index, domain = data.index, QUERY if data.has_two_pools else SUPPORT

    def pictures_of(number: int) -> np.ndarray:
        start, count = index.starts_CM[number, domain], index.counts_CM[number, domain]
        return index.rows_n[start : start + count].numpy()

    pools, query_TNQ = [], rows.query_TNQ.clone()
    n_tasks, n_way = rows.classes_TN.shape
    for task in range(n_tasks):
        classes = rows.classes_TN[task].tolist()
        drawn = (rows.support_TNK[task], rows.query_TNQ[task], rows.off_class_TO[task])
        taken = torch.cat([each.flatten() for each in drawn]).numpy()
        counts = np.full(n_way, size)
        if kind == "skewed":
            shares = rng.dirichlet(np.full(n_way, CONCENTRATION))
            counts = np.round(shares * n_way * size).astype(int)
        parts = []
        for way, (number, count) in enumerate(zip(classes, counts.tolist(), strict=True)):
            if takes_queries:
                queries = rows.query_TNQ[task, way]
                there = queries[queries >= 0].numpy()
                left = rng.permutation(there)[: max(0, len(there) - 1)]
            else:
                left = rng.permutation(np.setdiff1d(pictures_of(number), taken))
            parts.append(left[:count])
            if takes_queries:
                is_taken = torch.isin(rows.query_TNQ[task, way], torch.from_numpy(parts[-1]))
                query_TNQ[task, way] = rows.query_TNQ[task, way].masked_fill(is_taken, -1)
        if kind == "strangers":
            others = [c for c in range(len(data.classes)) if c not in classes]
            strangers = np.concatenate([np.empty(0, dtype=int), *map(pictures_of, others)])
            wanted = round(sum(map(len, parts)) * STRANGERS / (1 - STRANGERS))
            parts.append(rng.permutation(np.setdiff1d(strangers, taken))[:wanted])
            if not len(parts[-1]):
                raise DataError(
                    f"the set {data.name}: a pool with strangers needs classes that are not in a "
                    f"task; ask for fewer --ways than its {len(data.classes)} classes"
                )
        pools.append(torch.from_numpy(rng.permutation(np.concatenate(parts))).long())
    if not any(map(len, pools)):
        raise DataError(
            f"the set {data.name}: no picture is left for a pool beside support and queries; ask "
            "for fewer --shots or --queries"
        )
    pool_TU = pad_sequence(pools, batch_first=True, padding_value=-1)
    return replace(rows, query_TNQ=query_TNQ, pool_TU=pool_TU)
