"""`evaluate`: runs an evaluation from configuration to tables; a repeated run continues it."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from metaadapter.bench.evaluation.bench import Bench, TaskBench
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.folder import (
    SUMMARY_FILE,
    SUMMARY_SCHEMA,
    Record,
    hold_evaluation,
)
from metaadapter.bench.evaluation.integrity import Box, audit_cells, check_integrity
from metaadapter.bench.evaluation.processes import measure_cells
from metaadapter.bench.evaluation.sets.name_level import made_names_note
from metaadapter.bench.evaluation.several_bench import SeveralBench
from metaadapter.bench.evaluation.summary import records
from metaadapter.bench.evaluation.tables import table_files
from metaadapter.errors import UsageError
from metaadapter.features.device import choose_device
from metaadapter.files.checksums import write_document
from metaadapter.files.output_folder import write_errors
from metaadapter.files.regular_files import given_path

PACKAGES = ("metaadapter", "torch", "numpy", "scipy", "scikit-learn", "pandas")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of an evaluation on tasks, on sequences of tasks, or of several labels."""

    folder: Path
    config: EvaluationConfig
    n_measured: int
    """The number of cells that this run measured; the others were measured before."""
    tables: Mapping[str, pd.DataFrame]
    """Name of a file → table."""
    figures: Mapping[str, Any]
    """Name in the JSON form → a table, such as `means` and `differences` (each method minus the
    reference, draw by draw), or a value of JSON."""
    boxes: tuple[Box, ...]
    """The outcomes of the checks of integrity."""
    intervals: str
    """A sentence that says what the intervals cover."""
    sets: Mapping[str, Mapping[str, Any]]
    """Name of a set → facts about its pictures, classes and encoder."""
    versions: Mapping[str, str]
    """Name of a package → its version."""

    @property
    def rows(self) -> pd.DataFrame:
        """The figures of each task, or of each cell."""
        return next(iter(self.tables.values()))

    @property
    def failed(self) -> tuple[Box, ...]:
        """The failed checks; if there are any, the figures cannot be trusted."""
        return tuple(box for box in self.boxes if box.status == "fail")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        figures = {
            name: records(value) if isinstance(value, pd.DataFrame) else value
            for name, value in self.figures.items()
        }
        return {
            "run": str(self.folder),
            "config": self.config.model_dump(mode="json"),
            "n_cells": len(self.config.cells()),
            "n_measured": self.n_measured,
            "intervals": self.intervals,
            "reference": self.config.reference_name,
            "names": made_names_note(self.config.names),
            **figures,
            "integrity": [asdict(box) for box in self.boxes],
            "sets": self.sets,
            "versions": self.versions,
        }


def evaluate(
    config: EvaluationConfig,
    folder: Path | str,
    *,
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
        jobs: The number of processes, with one thread each.
        device: Name of a device, or "auto".
        audit: The number of random cells that were measured before this run, to measure again and
            to compare; the result is one more check.
        tell: Called with the number of finished cells and the number of cells to measure.
        note: Called with the reason why cells are measured again.

    Raises:
        UsageError: A method, metric or device in the configuration does not exist.
        DataError: A store cannot be used, or the folder holds something else.
        IncompatibleArtifact: Two stores of a sequence are from different encoders.
    """
    if not isinstance(config, EvaluationConfig):
        raise UsageError(
            "expected an EvaluationConfig, such as EvaluationConfig(stores=['photos-store']), got "
            f"{config!r:.80}"
        )
    folder = given_path(folder)
    bench = bench_of(config)(config, choose_device(device))
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
        boxes = check_integrity(summary.compared, [*bench.methods.values()], [*bench.sets.values()])
        if audit:
            kept = [result for result in results if before.get(result.cell) is result]
            boxes = (*boxes, audit_cells(kept, audit, measure))
        evaluation = Evaluation(
            folder,
            config,
            n_measured,
            summary.tables,
            summary.figures,
            boxes,
            bench.intervals,
            {name: bench.facts(data) for name, data in bench.sets.items()},
            {name: metadata.version(name) for name in PACKAGES}
            | {"python": platform.python_version()},
        )
        contents = table_files({"draws": summary.draws, **summary.tables})
        document = {"schema": SUMMARY_SCHEMA, **evaluation.to_dict()}
        with write_errors(f"the evaluation {folder}"):
            write_document(folder / SUMMARY_FILE, document, contents)
        return evaluation


def bench_of(config: EvaluationConfig) -> type[Bench]:
    """Return the kind of draws that a configuration asks for."""
    if config.several:
        return SeveralBench
    if not config.continual:
        return TaskBench
    from metaadapter.bench.sequences.sequence_bench import SequenceBench

    return SequenceBench
