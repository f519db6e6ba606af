"""A continual evaluation from its configuration to its tables, resumed where one ended."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from metaadapter.bench.evaluation import integrity
from metaadapter.bench.evaluation.bench import measure_cells
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.draws import classes_left_out
from metaadapter.bench.evaluation.folder import CellResult, Record, hold_evaluation
from metaadapter.bench.evaluation.integrity import Box
from metaadapter.bench.evaluation.run import SUMMARY_FILE
from metaadapter.bench.evaluation.summary import records
from metaadapter.bench.evaluation.tables import draw_table, table, table_files
from metaadapter.bench.sequences.bench import ContinualBench
from metaadapter.bench.sequences.figures import draw_figures, estimates, paired
from metaadapter.data.output_folder import write_errors
from metaadapter.data.proof import write_document
from metaadapter.features.device import choose_device

CONTINUAL_SCHEMA = "metaadapter.continual.summary/1"
PACKAGES = ("metaadapter", "torch", "numpy", "scipy", "pandas")
COVERS = (
    "95 % intervals of Student's t cover which classes and pictures were drawn (seeds), not which "
    "tasks there are nor, without --shuffle, their order"
)


@dataclass(frozen=True, slots=True)
class ContinualEvaluation:
    """The figures of a continual evaluation, and whether they can be believed."""

    folder: Path
    config: EvaluationConfig
    n_measured: int
    """Cells that this run measured; the others were there."""
    rows: pd.DataFrame
    """Columns method, n_shot, seed, store and those of `measure_sequence`."""
    figures: pd.DataFrame
    """Columns method, n_shot, measure, mean, half and n_draws."""
    differences: pd.DataFrame
    """Each learner less the reference, draw by draw, in the same columns."""
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
            "figures": records(self.figures),
            "differences": records(self.differences),
            "integrity": [box.to_dict() for box in self.boxes],
            "sets": self.sets,
            "versions": self.versions,
        }


def evaluate_continual(
    config: EvaluationConfig,
    folder: Path,
    *,
    jobs: int = 1,
    device: str = "cpu",
    csv_raw: bool = False,
    tell: Callable[[int, int], None] = lambda _done, _total: None,
    note: Callable[[str], None] = lambda _reason: None,
) -> ContinualEvaluation:
    """As `evaluate`, for a configuration that asks for a sequence of tasks.

    Raises:
        UsageError: There is no such learner or device, or one of one's own fails.
        DataError: A store cannot be used, or the folder holds something else.
        IncompatibleArtifact: Two stores are of different encoders.
    """
    bench = ContinualBench(config, choose_device(device))
    identities = {name: named.identity for name, named in bench.learners.items()}
    sets = {name: data.identity for name, data in bench.sets.items()}
    measured_by = bench.identity
    with hold_evaluation(folder, Record(config, identities, sets)) as journal:
        missing, reasons = journal.missing(config.cells(), identities, measured_by)
        for reason in reasons:
            note(reason)
        tell(0, len(missing))
        for number, (cell, tables) in enumerate(measure_cells(bench, missing, jobs), start=1):
            journal.append(CellResult(cell, identities[cell.method], measured_by, tables))
            tell(number, len(missing))
        results = [journal.results[cell] for cell in config.cells()]
        return _finish(folder, bench, results, len(missing), csv_raw=csv_raw)


def _finish(
    folder: Path,
    bench: ContinualBench,
    results: Sequence[CellResult],
    n_measured: int,
    *,
    csv_raw: bool,
) -> ContinualEvaluation:
    config, sets = bench.config, list(bench.sets.values())
    draws = {seed: bench.draw(seed) for seed in range(config.seeds)}
    of_places = [
        draw_table([(place.data, seed, place.rows, None)]).assign(task=number)
        for seed, places in draws.items()
        for number, place in enumerate(places, start=1)
    ]
    drawn = pd.concat(of_places, ignore_index=True)
    # What one task was learned from must not be asked about in another one either.
    together = drawn.assign(store=config.cells()[0].store, task=0)
    learners = list(bench.learners.values())
    stores = {seed: [place.name for place in places] for seed, places in draws.items()}
    rows = pd.concat([_rows(each, stores[each.cell.seed]) for each in results], ignore_index=True)
    figures = draw_figures(rows)
    evaluation = ContinualEvaluation(
        folder,
        config,
        n_measured,
        rows,
        estimates(figures),
        paired(figures, config.reference_name),
        (
            integrity.support_apart(together, learners),
            integrity.unseen_sets(learners, sets),
            integrity.unseen_classes(learners, sets),
            integrity.chosen_elsewhere(learners, sets),
        ),
        {
            name: data.to_dict() | {"left_out": classes_left_out(data, config)}
            for name, data in bench.sets.items()
        },
        {name: metadata.version(name) for name in PACKAGES} | {"python": platform.python_version()},
    )
    contents = table_files({"draws": drawn, "rows": rows}, raw=csv_raw)
    summary = {"schema": CONTINUAL_SCHEMA, **evaluation.to_dict(), "csv_raw": csv_raw}
    with write_errors(f"the evaluation {folder}"):
        write_document(folder / SUMMARY_FILE, summary, contents)
    return evaluation


def _rows(result: CellResult, stores: Sequence[str]) -> pd.DataFrame:
    """The rows of a cell, with the name of the part of a store that each task is."""
    found = result.tables["rows"]
    n = len(found["task"])
    cell = {name: [getattr(result.cell, name)] * n for name in ("method", "n_shot", "seed")}
    store = {"store": [stores[number - 1] for number in found["task"]]}
    return table(cell | store | found)
