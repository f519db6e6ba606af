"""The result of a finished continual evaluation, which page, Markdown and JSON show."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.integrity import Box
from metaadapter.bench.evaluation.metrics import plain
from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report.evaluation_run import ZERO_SHOT, ByShots, EvaluationRun, Row
from metaadapter.bench.report.words import points
from metaadapter.bench.sequences.figures import matrix

MOST_FEATURED = 6
T = TypeVar("T")


def find_continual(run: EvaluationRun) -> ContinualResult:
    """Return the figures, matrices and curves of a continual evaluation."""
    rows = run.rows
    config, summary = run.config, run.summary
    reference, shots = config.reference_name, config.ascending_shots
    figures = _by_measure(summary["figures"])
    methods = tuple(
        sorted(config.method_names, key=lambda name: -figures["last"][name][shots[-1]].mean)
    )
    others = [name for name in methods if name not in (reference, ZERO_SHOT)]
    return ContinualResult(
        setting=str(config.continual),
        reference=reference,
        methods=methods,
        featured=(reference, *others[: MOST_FEATURED - 1]),
        shots=shots,
        tasks=_task_names(rows),
        headline=_headline(config, figures["last"], methods, len(set(rows["task"]))),
        figures=figures,
        gain=_by_measure(summary["differences"], sign=-1),
        accuracy=_of_cells(rows, _matrix("accuracy")),
        identified=_of_cells(rows.dropna(subset="identified"), _matrix("identified")),
        mean_curve=_of_cells(rows, _curve),
        first_curve=_of_cells(rows[rows["task"] == 1], _curve),
        sets=summary["sets"],
        boxes=run.boxes,
        intervals=summary["intervals"],
        versions=summary["versions"],
        command=config.command,
        seeds=tuple(range(config.seeds)),
        record=run.record,
    )


def _headline(
    config: EvaluationConfig, last: ByShots, methods: tuple[str, ...], n_tasks: int
) -> str:
    reference, n_shot = config.reference_name, config.ascending_shots[-1]
    headline = (
        f"After {n_tasks} tasks {reference} answers {points(last[reference][n_shot])} % of their "
        f"queries correctly, with {n_shot} labelled picture{'' if n_shot == 1 else 's'} a class"
    )
    best = next((name for name in methods if name != reference), None)
    if best is None:
        return f"{headline}."
    return f"{headline}; the best other learner, {best}, answers {points(last[best][n_shot])} %."


def _task_names(rows: pd.DataFrame) -> tuple[str, ...]:
    names = []
    for task, column in rows.groupby("task")["store"]:
        stores = list(dict.fromkeys(column))
        names.append(f"{task} {stores[0]}" if len(stores) == 1 else f"task {task}")
    return tuple(names)


def _by_measure(records: list[dict[str, Any]], sign: int = 1) -> Mapping[str, ByShots]:
    """Return the figures of a summary, times `sign`: −1 gives the reference minus the others."""
    figures: dict[str, dict[str, dict[int, Estimate]]] = {}
    for row in records:
        half = math.nan if row["half"] is None else row["half"]
        of_method = figures.setdefault(row["measure"], {}).setdefault(row["method"], {})
        of_method[int(row["n_shot"])] = Estimate(sign * row["mean"], half)
    return figures


def _of_cells(rows: pd.DataFrame, read: Callable[[pd.DataFrame], T]) -> dict[str, dict[int, T]]:
    """Return learner → number of shots → what `read` makes of their rows."""
    values: dict[str, dict[int, T]] = {}
    for (method, n_shot), of_cell in rows.groupby(["method", "n_shot"], sort=False):
        values.setdefault(str(method), {})[int(n_shot)] = read(of_cell)
    return values


def _matrix(column: str) -> Callable[[pd.DataFrame], tuple[tuple[float, ...], ...]]:
    return lambda rows: tuple(map(tuple, matrix(rows, column).tolist()))


def _curve(rows: pd.DataFrame) -> tuple[Estimate, ...]:
    """Return mean accuracies over the tasks with queries, with intervals over the draws."""
    of_draws = rows.groupby(["after", "seed"])["accuracy"].mean()
    return tuple(
        Estimate.over_stores([np.asarray(values, dtype=float)])
        for _, values in of_draws.groupby(level="after")
    )


Matrices = Mapping[str, Mapping[int, tuple[tuple[float, ...], ...]]]
"""Learner → shots → a row for each number of tasks learned, with a value for each task; NaN if the
task had no queries then."""
Curve = Mapping[str, Mapping[int, tuple[Estimate, ...]]]
"""Learner → shots → an estimate for each number of tasks learned, from 1."""


@dataclass(frozen=True, slots=True)
class ContinualResult:
    """The result; accuracies are fractions of 1 and means over the draws."""

    setting: str
    reference: str
    methods: tuple[str, ...]
    """The learners, sorted by `last` at the most shots, the best first."""
    featured: tuple[str, ...]
    """The learners that have a colour in plots: the reference, then the best of the others."""
    shots: tuple[int, ...]
    tasks: tuple[str, ...]
    """Names of the tasks, in the order of learning; numbers if seeds draw the order."""
    headline: str
    figures: Mapping[str, ByShots]
    """Measure → learner → shots → estimate."""
    gain: Mapping[str, ByShots]
    """Measure → learner → shots → the reference minus the learner, draw by draw."""
    accuracy: Matrices
    identified: Matrices
    """The fraction of queries whose predicted class is in the right task; empty if it is given."""
    mean_curve: Curve
    """The mean accuracy on the tasks with queries."""
    first_curve: Curve
    sets: Mapping[str, Row]
    """Name of a set → facts about its pictures, classes and encoder."""
    boxes: tuple[Box, ...]
    intervals: str
    versions: Mapping[str, str]
    command: str
    seeds: tuple[int, ...]
    record: str

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; empty cells and the interval of a single draw are null."""
        document: dict[str, Any] = plain(asdict(self))
        return document
