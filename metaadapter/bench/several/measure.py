"""Measure methods on the same draws of sets of several labels; a repeated run continues it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch

from metaadapter.bench.evaluation.cell import Cell, Tables
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.folder import Record, hold_evaluation
from metaadapter.bench.several.methods import METHODS, identity_of
from metaadapter.bench.several.tasks import SeveralSet, draw_task
from metaadapter.data.code_identity import code_identity
from metaadapter.workflow.accuracy import LabelScores, label_scores

CELL = ("set", "shots", "method")
SCORES = LabelScores._fields[:4]
TABLE = "scores"


class SeveralScores(NamedTuple):
    """The scores of all draws in percent, a row for each set, shots, seed and method."""

    scores: pd.DataFrame
    n_measured: int
    """The number of rows that this run measured; the others were measured before."""

    @property
    def means(self) -> pd.DataFrame:
        """The mean of each score over the seeds, in the order of the measurement."""
        groups = self.scores.groupby([*CELL], sort=False)
        means: pd.DataFrame = groups[[*SCORES]].mean().reset_index()
        return means


def evaluate_several(
    config: EvaluationConfig,
    sets: Sequence[SeveralSet],
    folder: Path,
    *,
    device: torch.device,
    tell: Callable[[int, int], None] = lambda _done, _total: None,
    note: Callable[[str], None] = lambda _reason: None,
) -> SeveralScores:
    """Measure the cells that are missing in the folder, and return the scores of all.

    Args:
        config: The methods, shots, seeds and ways; its stores are those of the `sets`.
        sets: The sets to draw from.
        folder: A new folder, or the folder of the same evaluation, perhaps interrupted or with
            fewer methods, sets or seeds.
        device: Where the methods of this library and TaskRes calculate.
        tell: Called with the number of finished cells and the number of cells to measure.
        note: Called with each reason why cells are measured again.

    Raises:
        DataError: The folder holds something else, or a class has too few pictures.
    """
    named = {data.name: data for data in sets}
    methods = {name: identity_of(name) for name in config.methods}
    # Those of one label draw otherwise, so that neither continues in the folder of the other.
    record = Record(config, methods, {data.name: f"several {data.identity}" for data in sets})
    draws = product(named, config.shots, range(config.seeds), config.methods)
    cells = [Cell(method, name, n_shot, seed) for name, n_shot, seed, method in draws]

    def measure(missing: Sequence[Cell]) -> Iterator[tuple[Cell, Tables]]:
        draw = lru_cache(maxsize=1)(draw_task)
        for cell in missing:
            task, queries_QD, shows_QC = draw(
                named[cell.store], config.ways, cell.n_shot, cell.seed
            )
            p_QC, threshold_C = METHODS[cell.method](task, queries_QD, device)
            scores = label_scores(p_QC, shows_QC, threshold_C).to_dict()
            size = {"n_pictures": len(task.rows_ND), "n_queries": len(queries_QD)}
            yield cell, {TABLE: {name: [value] for name, value in {**size, **scores}.items()}}

    with hold_evaluation(folder, record) as finished:
        code = code_identity(draw_task, label_scores)
        n_measured = finished.measure_missing(cells, methods, code, measure, tell=tell, note=note)
        rows = [_row(cell, finished.results[cell].tables[TABLE]) for cell in cells]
    return SeveralScores(pd.DataFrame(rows).astype(dict.fromkeys(SCORES, float)), n_measured)


def _row(cell: Cell, columns: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    key = {"set": cell.store, "shots": cell.n_shot, "seed": cell.seed, "method": cell.method}
    return {**key, **{name: value for name, (value,) in columns.items()}}
