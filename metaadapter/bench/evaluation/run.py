"""`evaluate`: runs an evaluation from configuration to tables; a repeated run continues it."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from metaadapter.bench.evaluation.bench import Bench, Summary
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.draws import classes_left_out
from metaadapter.bench.evaluation.folder import SUMMARY_FILE, Record, hold_evaluation
from metaadapter.bench.evaluation.integrity import Box, audit_cells, check_integrity
from metaadapter.bench.evaluation.name_level import made_names_note
from metaadapter.bench.evaluation.processes import Kind, measure_cells
from metaadapter.bench.evaluation.summary import Ranks, across_domains, records
from metaadapter.bench.evaluation.tables import table_files
from metaadapter.bench.evaluation.task_bench import TaskBench
from metaadapter.data.checksums import write_document
from metaadapter.data.output_folder import write_errors
from metaadapter.data.regular_files import given_path
from metaadapter.errors import UsageError
from metaadapter.features.device import choose_device

SUMMARY_SCHEMA = TaskBench.summary_schema


def evaluate(
    config: EvaluationConfig,
    folder: Path | str,
    *,
    kind: Kind = TaskBench,
    jobs: int = 1,
    device: str = "cpu",
    audit: int = 0,
    tell: Callable[[int, int], None] = lambda _done, _total: None,
    note: Callable[[str], None] = lambda _reason: None,
) -> Evaluation:
    """Measure the cells that are missing or were measured by other code, and write all tables.

    Args:
        config: The configuration of the evaluation.
        folder: A new folder, or the folder of the same evaluation, perhaps interrupted or with
            fewer methods.
        kind: `TaskBench`, or `SequenceBench` for sequences of tasks.
        jobs: The number of processes, with one thread each.
        device: Name of a device, or "auto".
        audit: The number of random cells that were measured before this run, to measure again and
            to compare; the result is one more check.
        tell: Called with the number of finished cells and the number of cells to measure.
        note: Called with each reason why cells are measured again.

    Raises:
        UsageError: A method, metric or device in the configuration does not exist.
        DataError: A store cannot be used, or the folder holds something else.
    """
    if not isinstance(config, EvaluationConfig):
        raise UsageError(
            "expected an EvaluationConfig, such as EvaluationConfig(stores=['photos-store']), got "
            f"{config!r:.80}"
        )
    folder = given_path(folder)
    bench = kind(config, choose_device(device))
    methods = {name: method.identity for name, method in bench.methods.items()}
    all_sets = (*bench.sets.values(), *bench.far_sets.values())
    record = Record(config, methods, {data.name: data.identity for data in all_sets})
    measure, cells = partial(measure_cells, bench, jobs=jobs), config.cells()
    with hold_evaluation(folder, record) as finished:
        before = dict(finished.results)
        n_measured = finished.measure_missing(
            cells, methods, bench.identity, measure, tell=tell, note=note
        )
        results = [finished.results[cell] for cell in cells]
        summary = bench.summarise(results)
        boxes = check_integrity(
            summary.compared, list(bench.methods.values()), list(bench.sets.values()), results
        )
        if audit:
            kept = [result for result in results if before.get(result.cell) is result]
            boxes = (*boxes, audit_cells(kept, audit, measure))
        evaluation = _evaluation(bench, summary, folder, n_measured, boxes)
        _write(evaluation, summary, bench.summary_schema)
        return evaluation


def _evaluation(
    bench: Bench, summary: Summary, folder: Path, n_measured: int, boxes: tuple[Box, ...]
) -> Evaluation:
    return Evaluation(
        folder=folder,
        config=bench.config,
        n_measured=n_measured,
        rows=summary.tables["rows"],
        means=summary.means,
        differences=summary.differences,
        ranks=summary.ranks,
        across=across_domains(summary.tables["rows"], bench.config),
        boxes=boxes,
        intervals=bench.intervals,
        sets={
            name: data.to_dict() | {"left_out": classes_left_out(data, bench.config)}
            for name, data in bench.sets.items()
        },
        versions={name: metadata.version(name) for name in bench.packages}
        | {"python": platform.python_version()},
    )


def _write(evaluation: Evaluation, summary: Summary, schema: str) -> None:
    contents = table_files({"draws": summary.draws, **summary.tables})
    document = {"schema": schema, **evaluation.to_dict()}
    with write_errors(f"the evaluation {evaluation.folder}"):
        write_document(evaluation.folder / SUMMARY_FILE, document, contents)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of an evaluation on independent tasks or on sequences of tasks."""

    folder: Path
    config: EvaluationConfig
    n_measured: int
    """The number of cells that this run measured; the others were measured before."""
    rows: pd.DataFrame
    """The figures of each task."""
    means: pd.DataFrame
    """Columns method, store, part, n_shot, metric, mean, half and n_draws; for sequences, method,
    n_shot, measure, mean, half and n_draws."""
    differences: pd.DataFrame
    """The figures of each method minus the reference, draw by draw, in the columns of `means`."""
    ranks: dict[str, Ranks]
    """Part of the classes → ranks; empty for sequences."""
    across: list[dict[str, Any]]
    """The records of `across_domains`."""
    boxes: tuple[Box, ...]
    """The outcomes of the checks of integrity."""
    intervals: str
    """A sentence that says what the intervals cover."""
    sets: dict[str, dict[str, Any]]
    """Name of a set → facts about its pictures, classes and encoder."""
    versions: dict[str, str]
    """Name of a package → its version."""

    @property
    def figures(self) -> pd.DataFrame:
        """`means`, under the name that it has in the JSON of an evaluation on sequences."""
        return self.means

    @property
    def failed(self) -> tuple[Box, ...]:
        """The failed checks; if there are any, the figures cannot be trusted."""
        return tuple(box for box in self.boxes if box.status == "fail")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        is_continual = self.config.continual is not None
        ranks = {part: asdict(ranks) for part, ranks in self.ranks.items()}
        return {
            "run": str(self.folder),
            "config": self.config.model_dump(mode="json"),
            "n_cells": len(self.config.cells()),
            "n_measured": self.n_measured,
            "intervals": self.intervals,
            "reference": self.config.reference_name,
            "names": made_names_note(self.config.names),
            "figures" if is_continual else "means": records(self.means),
            "differences": records(self.differences),
            **({} if is_continual else {"ranks": ranks, "across": self.across}),
            "integrity": [box.to_dict() for box in self.boxes],
            "sets": self.sets,
            "versions": self.versions,
        }
