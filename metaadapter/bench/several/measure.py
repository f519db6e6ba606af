"""Measure methods on the same draws of sets of several labels, and sum up the scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from metaadapter.bench.several.methods import METHODS
from metaadapter.bench.several.tasks import SeveralSet, draw_task
from metaadapter.workflow.label_scores import LabelScores, label_scores

CELL = ("set", "shots", "method")
SCORES = LabelScores._fields[:4]


def measure(
    sets: Sequence[SeveralSet],
    methods: Sequence[str],
    shots: Sequence[int],
    seeds: int,
    ways: int | None,
    tell: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Return a row of scores in percent for each set, number of shots, seed and method."""
    rows: list[dict[str, Any]] = []
    n_cells = len(sets) * len(shots) * seeds
    for data in sets:
        for n_shots in shots:
            for seed in range(seeds):
                draw = draw_task(data, ways, n_shots, seed)
                size = {"n_pictures": len(draw.task.rows_ND), "n_queries": len(draw.queries_QD)}
                for name in methods:
                    p_QC, threshold_C = METHODS[name](draw.task, draw.queries_QD)
                    scores = label_scores(p_QC, draw.shows_QC, threshold_C)
                    cell = {"set": data.name, "shots": n_shots, "seed": seed, "method": name}
                    rows.append({**cell, **size, **scores._asdict()})
                if tell is not None:
                    tell(len(rows) // len(methods), n_cells)
    return pd.DataFrame(rows)


def summarize(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of each score over the seeds, in the order of the measurement."""
    means: pd.DataFrame = scores.groupby([*CELL], sort=False)[[*SCORES]].mean().reset_index()
    return means
