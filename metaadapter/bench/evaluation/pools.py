"""Draws pools: unlabelled pictures of a task, outside its support and its queries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from episodes import EpisodeRows
from metaadapter.bench.evaluation.draw_config import DrawConfig
from metaadapter.bench.evaluation.sets.evaluation_set import QUERY, SUPPORT, EvaluationSet
from metaadapter.errors import DataError

# Dirichlet concentration of the fractions of the classes in a skewed pool.
CONCENTRATION = 0.3
# The fraction of strangers in a pool with strangers.
STRANGERS = 0.4
# Added to the seed, so that other draws with the same seed are independent of these.
STREAM = 0x706F6F6C


def with_pools(
    rows: EpisodeRows, data: EvaluationSet, config: DrawConfig, seed: int
) -> EpisodeRows:
    """Add a pool to each task: balanced, skewed, or balanced with 40 % strangers.

    A balanced pool has `pool_size` pictures of each class, or fewer if no more are left. A skewed
    pool has as many in total, but the fractions of classes are from a Dirichlet distribution with
    concentration 0.3. Strangers are pictures of classes that the set has and the task has not. If
    all pictures outside the support are queries, pool pictures are taken from them, and one of each
    class stays a query; else from outside the task. No copy of a labelled picture is in a pool.
    """
    takes_queries = config.queries == "all"
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
        taken = torch.cat([pictures.flatten() for pictures in drawn]).numpy()
        taken, support = taken[taken >= 0], drawn[0][drawn[0] >= 0].numpy()
        is_free = ~np.isin(data.copies_n, data.copies_n[support])
        is_free[taken] = False
        counts = np.full(n_way, config.pool_size)
        if config.pool == "skewed":
            fractions = rng.dirichlet(np.full(n_way, CONCENTRATION))
            counts = np.round(fractions * n_way * config.pool_size).astype(int)
        parts = []
        for way, (number, count) in enumerate(zip(classes, counts.tolist(), strict=True)):
            if takes_queries:
                queries = rows.query_TNQ[task, way]
                pictures = queries[queries >= 0].numpy()
                left = rng.permutation(pictures)[: max(0, len(pictures) - 1)]
            else:
                pictures = pictures_of(number)
                left = rng.permutation(pictures[is_free[pictures]])
            parts.append(left[:count])
            if takes_queries:
                is_taken = torch.isin(rows.query_TNQ[task, way], torch.from_numpy(parts[-1]))
                query_TNQ[task, way] = rows.query_TNQ[task, way].masked_fill(is_taken, -1)
        if config.pool == "strangers":
            others = [c for c in range(len(data.classes)) if c not in classes]
            strangers = np.concatenate([np.empty(0, dtype=int), *map(pictures_of, others)])
            wanted = round(sum(map(len, parts)) * STRANGERS / (1 - STRANGERS))
            parts.append(rng.permutation(np.sort(strangers[is_free[strangers]]))[:wanted])
            if not len(parts[-1]):
                raise DataError(
                    f"the set {data.name}: a pool with strangers needs classes outside the task; "
                    f"ask for fewer --ways than the {len(data.classes)} classes of the set"
                )
        pools.append(torch.from_numpy(rng.permutation(np.concatenate(parts))).long())
    if not any(map(len, pools)):
        raise DataError(
            f"the set {data.name}: support and queries leave no picture for a pool; ask for fewer "
            "--shots or --queries"
        )
    pool_TU = pad_sequence(pools, batch_first=True, padding_value=-1)
    return replace(rows, query_TNQ=query_TNQ, pool_TU=pool_TU)
