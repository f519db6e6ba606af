"""The figures of a study that `evaluate` lacks: species, false alarms and missed animals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from metaadapter.apps.field.species import is_nothing, is_species
from metaadapter.bench.evaluation.cell import Cell, CellResult
from metaadapter.bench.evaluation.tables import CELL, table

OVERALL = ""
"""The part of the rows with the figures of all classes; each other part is one class."""
MEASURES = ("macro_f1", "false_alarms", "missed")
RATES = ("precision", "recall", "f1")
Confusions = dict[Cell, Int[np.ndarray, "C C"]]


def confusions(results: Iterable[CellResult], n_classes: int) -> Confusions:
    """Return, for each cell, the number of queries by true class × predicted class."""
    counts = {}
    for result in results:
        pairs = result.tables["confusion"]
        counts[result.cell] = np.zeros((n_classes, n_classes), dtype=int)
        np.add.at(counts[result.cell], (pairs["true"], pairs["predicted"]), pairs["count"])
    return counts


def field_rows(counts: Confusions, classes: Sequence[str]) -> pd.DataFrame:
    """Return a row for each cell with the part `OVERALL`, and one for each class with `RATES`.

    - `macro_f1`: the mean F1 of the species that have queries, a fraction of 1.
    - `false_alarms`: how many of 1000 empty frames are predicted as a species; NaN without any.
    - `missed`: how many of 1000 frames of animals are predicted as no species.
    - `precision`, `recall`, `f1`: of one class, 0 if undefined.
    """
    rows = []
    for cell, matrix in counts.items():
        facts = {**cell._asdict(), "task": 0}
        rates = class_rates(matrix)
        rows.append({**facts, "part": OVERALL, **_overall(matrix, classes, rates["f1"])})
        rows += [
            {**facts, "part": label, **{name: float(of_all[c]) for name, of_all in rates.items()}}
            for c, label in enumerate(classes)
        ]
    names = [*CELL, "task", *MEASURES, *RATES]
    return table({name: [row.get(name) for row in rows] for name in names})


def class_rates(matrix: Int[np.ndarray, "C C"]) -> dict[str, np.ndarray]:
    """Return the precision, recall and F1 of each class; 0 where one is undefined."""
    right, true, predicted = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
    return {
        "precision": right / predicted.clip(min=1),
        "recall": right / true.clip(min=1),
        "f1": 2 * right / (true + predicted).clip(min=1),
    }


def _overall(
    matrix: Int[np.ndarray, "C C"], classes: Sequence[str], f1: np.ndarray
) -> dict[str, float | None]:
    animal = np.array([is_species(label) for label in classes])
    empty = np.array([is_nothing(label) for label in classes])
    asked = animal & (matrix.sum(1) > 0)
    return {
        "macro_f1": float(f1[asked].mean()) if asked.any() else None,
        "false_alarms": _per_thousand(matrix, empty, animal),
        "missed": _per_thousand(matrix, animal, ~animal),
    }


def _per_thousand(
    matrix: Int[np.ndarray, "C C"], true: Bool[np.ndarray, " C"], predicted: Bool[np.ndarray, " C"]
) -> float | None:
    n = int(matrix[true].sum())
    return 1000 * int(matrix[true][:, predicted].sum()) / n if n else None
