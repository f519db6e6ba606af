"""An evaluation from its configuration to its tables, resumed where an earlier run ended."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from metaadapter.bench.evaluation import integrity
from metaadapter.bench.evaluation.bench import Bench, measure_cells
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.draws import classes_left_out
from metaadapter.bench.evaluation.folder import CellResult, Record, hold_evaluation
from metaadapter.bench.evaluation.integrity import Box
from metaadapter.bench.evaluation.methods import answering
from metaadapter.bench.evaluation.summary import Ranks, differences, means, rank_methods, records
from metaadapter.bench.evaluation.tables import all_tables, draw_table, table_files
from metaadapter.data.atomic_files import Content
from metaadapter.data.output_folder import write_errors
from metaadapter.data.proof import write_document
from metaadapter.data.strict_json import json_text
from metaadapter.features.device import choose_device

SUMMARY_FILE, SUMMARY_SCHEMA = "summary.json", "metaadapter.evaluation.summary/2"
PACKAGES = ("metaadapter", "torch", "numpy", "scipy", "scikit-learn", "pandas")
COVERS = (
    "95 % intervals of Student's t cover which classes and pictures were drawn (seeds and tasks), "
    "not which data sets were chosen; draws of one set share pictures, so they are a little narrow"
)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was found."""

    folder: Path
    config: EvaluationConfig
    n_measured: int
    """Cells that this run measured; the others were there."""
    means: pd.DataFrame
    """Columns method, store, part, n_shot, metric, mean, half and n_draws."""
    differences: pd.DataFrame
    """Each method less the reference, draw by draw, in the same columns."""
    ranks: dict[str, Ranks]
    """By part."""
    boxes: tuple[Box, ...]
    sets: dict[str, dict[str, Any]]
    """By name: pictures, classes and encoder."""
    versions: dict[str, str]

    @property
    def failed(self) -> tuple[Box, ...]:
        """Boxes that say figures cannot be believed."""
        return tuple(box for box in self.boxes if box.status == "fail")

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "run": str(self.folder),
            "config": self.config.model_dump(mode="json"),
            "n_cells": len(self.config.cells()),
            "n_measured": self.n_measured,
            "intervals": COVERS,
            "reference": self.config.reference_name,
            "means": records(self.means),
            "differences": records(self.differences),
            "ranks": {part: asdict(ranks) for part, ranks in self.ranks.items()},
            "integrity": [box.to_dict() for box in self.boxes],
            "sets": self.sets,
            "versions": self.versions,
        }


def evaluate(
    config: EvaluationConfig,
    folder: Path,
    *,
    jobs: int = 1,
    device: str = "cpu",
    csv_raw: bool = False,
    tell: Callable[[int, int], None] = lambda _done, _total: None,
    note: Callable[[str], None] = lambda _reason: None,
) -> Evaluation:
    """Measure what is not measured yet, or by other code than today's, and write all tables.

    Args:
        config: What to measure.
        folder: New, or of the same evaluation, perhaps interrupted or with fewer methods.
        jobs: Processes of one thread each.
        device: Name of a device, or "auto".
        csv_raw: Texts in the tables as they are, also those that a spreadsheet takes for formulas.
        tell: Hears of each finished cell: how many of how many in this run.
        note: Hears why cells that were measured are measured again.

    Raises:
        UsageError: There is no such method, metric or device.
        DataError: A store cannot be used, or the folder holds something else.
    """
    bench = Bench(config, choose_device(device))
    methods = {name: method.identity for name, method in bench.methods.items()}
    all_sets = (*bench.sets.values(), *bench.far_sets.values())
    sets = {data.name: data.identity for data in all_sets}
    measured_by = bench.identity
    with hold_evaluation(folder, Record(config, methods, sets)) as journal:
        missing, reasons = journal.missing(config.cells(), methods, measured_by)
        for reason in reasons:
            note(reason)
        tell(0, len(missing))
        for number, (cell, tables) in enumerate(measure_cells(bench, missing, jobs), start=1):
            journal.append(CellResult(cell, methods[cell.method], measured_by, tables))
            tell(number, len(missing))
        results = [journal.results[cell] for cell in config.cells()]
        return _finish(folder, bench, results, len(missing), csv_raw=csv_raw)


def _finish(
    folder: Path, bench: Bench, results: Sequence[CellResult], n_measured: int, *, csv_raw: bool
) -> Evaluation:
    config = bench.config
    methods, sets = list(bench.methods.values()), list(bench.sets.values())
    draws = draw_table(
        (data, seed, bench.draw(data.name, seed), bench.draw_far(data.name, seed))
        for data in sets
        for seed in range(config.seeds)
    )
    tables = all_tables(results, bench.sets)
    rows = tables["rows"]
    figures = means(rows)
    answers = answering(config.method_names, config.reference_name)
    ranks = {
        part: found
        for part in dict.fromkeys(rows["part"])
        if (found := rank_methods(figures, answers, part)) is not None
    }
    evaluation = Evaluation(
        folder,
        config,
        n_measured,
        figures,
        differences(rows, config.reference_name),
        ranks,
        (
            integrity.support_apart(draws, methods),
            integrity.unseen_sets(methods, sets),
            integrity.unseen_classes(methods, sets),
            integrity.chosen_elsewhere(methods, sets),
        ),
        {
            name: data.to_dict() | {"left_out": classes_left_out(data, config)}
            for name, data in bench.sets.items()
        },
        {name: metadata.version(name) for name in PACKAGES} | {"python": platform.python_version()},
    )
    document = evaluation.to_dict()
    boxes = {"schema": "metaadapter.evaluation.integrity/1", "boxes": document.pop("integrity")}
    contents: dict[str, Content] = {"integrity.json": json_text(boxes, indent=2) + "\n"}
    contents |= table_files({"draws": draws, **tables}, raw=csv_raw)
    summary = {"schema": SUMMARY_SCHEMA, **document, "csv_raw": csv_raw}
    with write_errors(f"the evaluation {folder}"):
        write_document(folder / SUMMARY_FILE, summary, contents)
    return evaluation
