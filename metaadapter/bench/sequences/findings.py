"""The folder of a finished continual evaluation, read back into what it found."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.folder import RECORD_FILE, REMEDY, read_record
from metaadapter.bench.evaluation.integrity import Box
from metaadapter.bench.evaluation.run import SUMMARY_FILE
from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.evaluation.tables import read_table
from metaadapter.bench.report.by_shots import ByShots
from metaadapter.bench.report.evaluation_run import ZERO_SHOT
from metaadapter.bench.report.words import points
from metaadapter.bench.sequences.figures import matrix
from metaadapter.bench.sequences.result import ContinualResult, Curve, Matrices
from metaadapter.bench.sequences.run import CONTINUAL_SCHEMA
from metaadapter.data.proof import read_document
from metaadapter.data.strict_json import json_text
from metaadapter.errors import DataError

MOST_FEATURED = 6


def is_continual(folder: Path) -> bool:
    """Whether a folder holds an evaluation of continual learners.

    Raises:
        DataError: The record of the evaluation is damaged.
        IncompatibleArtifact: A later version wrote it.
    """
    if not (folder / RECORD_FILE).exists():
        return False
    config = read_record(folder).get("config")
    return isinstance(config, dict) and bool(config.get("continual"))


def find_continual(folder: Path) -> ContinualResult:
    """What a continual evaluation found.

    Raises:
        DataError: The folder holds none that ended, or a damaged file.
        IncompatibleArtifact: A later version wrote it.
    """
    record = read_record(folder)
    unfinished = f"the evaluation {folder} did not end: give its command again"
    if not (folder / SUMMARY_FILE).exists():
        raise DataError(f"{unfinished} (there is no {SUMMARY_FILE})")
    summary, proof = read_document(folder / SUMMARY_FILE, CONTINUAL_SCHEMA, REMEDY)
    if record.get("config") != summary.get("config"):
        raise DataError(f"{unfinished} (it was asked for more than its tables hold)")
    try:
        config = EvaluationConfig.model_validate(summary["config"])
        path = proof.find("rows.csv") if proof else folder / "rows.csv"
        rows = read_table(path, raw=summary["csv_raw"])
        digest = hashlib.sha256(json_text(record, sort_keys=True).encode()).hexdigest()[:12]
        return _result(config, summary, rows, digest)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{folder} was not written by this version of `metaadapter evaluate` ({error!r}); "
            "give its command again, or measure again into another folder"
        ) from error


def _result(
    config: EvaluationConfig, summary: dict[str, Any], rows: pd.DataFrame, record: str
) -> ContinualResult:
    reference, shots = config.reference_name, config.ascending_shots
    figures = _by_measure(summary["figures"])
    methods = tuple(
        sorted(config.method_names, key=lambda name: -figures["last"][name][shots[-1]].mean)
    )
    others = [name for name in methods if name not in (reference, ZERO_SHOT)]
    is_first = rows["task"] == 1
    identified = rows.dropna(subset="identified")
    return ContinualResult(
        setting=str(config.continual),
        reference=reference,
        methods=methods,
        featured=(reference, *others[: MOST_FEATURED - 1]),
        shots=shots,
        tasks=_task_names(rows),
        headline=_headline(config, figures["last"], methods, len(set(rows["task"]))),
        figures=figures,
        gain=_by_measure(summary["differences"], turned=True),
        accuracy=_matrices(rows, "accuracy"),
        identified=_matrices(identified, "identified"),
        mean_curve=_curve(rows),
        first_curve=_curve(rows[is_first]),
        sets=summary["sets"],
        boxes=tuple(Box(**box) for box in summary["integrity"]),
        intervals=summary["intervals"],
        versions=summary["versions"],
        command=config.command,
        seeds=tuple(range(config.seeds)),
        record=record,
    )


def _headline(
    config: EvaluationConfig, last: ByShots, methods: tuple[str, ...], n_tasks: int
) -> str:
    reference, n_shot = config.reference_name, config.ascending_shots[-1]
    told = (
        f"After {n_tasks} tasks {reference} answers {points(last[reference][n_shot])} % of the "
        f"queries about them correctly, with {n_shot} labelled picture"
        f"{'' if n_shot == 1 else 's'} a class"
    )
    best = next((name for name in methods if name != reference), None)
    if best is None:
        return f"{told}."
    return f"{told}; the best of the others, {best}, {points(last[best][n_shot])} %."


def _task_names(rows: pd.DataFrame) -> tuple[str, ...]:
    names = []
    for task, stores in rows.groupby("task")["store"]:
        found = list(dict.fromkeys(stores))
        names.append(f"{task} {found[0]}" if len(found) == 1 else f"task {task}")
    return tuple(names)


def _by_measure(records: list[dict[str, Any]], *, turned: bool = False) -> dict[str, ByShots]:
    """The figures of a summary; `turned` where it has the other less the reference."""
    found: defaultdict[str, defaultdict[str, dict[int, Estimate]]]
    found = defaultdict(lambda: defaultdict(dict))
    for each in records:
        half = float("nan") if each["half"] is None else each["half"]
        mean = -each["mean"] if turned else each["mean"]
        found[each["measure"]][each["method"]][int(each["n_shot"])] = Estimate(mean, half)
    return {measure: dict(of_methods) for measure, of_methods in found.items()}


def _matrices(rows: pd.DataFrame, column: str) -> Matrices:
    found: defaultdict[str, dict[int, tuple[tuple[float, ...], ...]]] = defaultdict(dict)
    for (method, n_shot), of_method in rows.groupby(["method", "n_shot"], sort=False):
        values = matrix(of_method, column)
        found[str(method)][int(n_shot)] = tuple(tuple(row) for row in values.tolist())
    return dict(found)


def _curve(rows: pd.DataFrame) -> Curve:
    """Means over the tasks asked about, with intervals over the draws."""
    found: defaultdict[str, dict[int, tuple[Estimate, ...]]] = defaultdict(dict)
    for (method, n_shot), of_method in rows.groupby(["method", "n_shot"], sort=False):
        of_draws = of_method.groupby(["after", "seed"])["accuracy"].mean()
        found[str(method)][int(n_shot)] = tuple(
            Estimate.over_stores([np.asarray(values, dtype=float)])
            for _, values in of_draws.groupby(level="after")
        )
    return dict(found)
