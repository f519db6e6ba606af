"""The figures of a study that `evaluate` lacks: species, false alarms and missed animals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from metaadapter.apps.field.species import is_nothing, is_species
from metaadapter.bench.evaluation.cell import CellResult
from metaadapter.bench.evaluation.tables import CELL, gathered, table

OVERALL = ""
"""The part of the rows with the figures of all classes; each other part is one class."""
RATES = ("precision", "recall", "f1")


def confusions(
    results: Iterable[CellResult], classes: Sequence[str]
) -> dict[tuple[Any, ...], Int[np.ndarray, "C C"]]:
    """Return, for each cell, the number of queries by true class × predicted class."""
    columns = gathered(results, "confusion")
    counts: dict[tuple[Any, ...], np.ndarray] = {}
    cells = zip(*(columns[name] for name in CELL), strict=True)
    pairs = zip(columns["true"], columns["predicted"], columns["count"], strict=True)
    for cell, (true, predicted, count) in zip(cells, pairs, strict=True):
        matrix = counts.setdefault(cell, np.zeros((len(classes), len(classes)), dtype=int))
        matrix[true, predicted] += count
    return counts


def field_rows(
    counts: dict[tuple[Any, ...], Int[np.ndarray, "C C"]], classes: Sequence[str]
) -> pd.DataFrame:
    """Return a row for each cell with the part `OVERALL`, and one for each class with `RATES`.

    - `macro_f1`: the mean F1 of the species that have queries, a fraction of 1.
    - `false_alarms`: how many of 1000 empty frames are predicted as a species; NaN without any.
    - `missed`: how many of 1000 frames of animals are predicted as no species.
    - `precision`, `recall`, `f1`: of one class, 0 if undefined.
    """
    rows = []
    for cell, matrix in counts.items():
        facts = dict(zip(CELL, cell, strict=True)) | {"task": 0}
        rates = class_rates(matrix)
        rows.append(facts | {"part": OVERALL} | _overall(matrix, classes, rates["f1"]))
        for number, label in enumerate(classes):
            of_class = {name: float(values[number]) for name, values in rates.items()}
            rows.append(facts | {"part": label} | of_class)
    names = dict.fromkeys(name for row in rows for name in row)
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
