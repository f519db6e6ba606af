"""Results as tidy tables: one row a task, a class, a confusion, a bin of confidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from metaadapter.evaluation.journal import CellResult
from metaadapter.evaluation.metrics import METRICS
from metaadapter.evaluation.table_files import Row

__all__ = [
    "TASK_COLUMNS",
    "bin_rows",
    "class_rows",
    "confusion_rows",
    "mistake_rows",
    "task_rows",
]

COSTS = ("fit_seconds", "predict_seconds", "peak_mib", "trained_parameters")
OF_CELL = ("method", "store", "part", "n_shot", "seed")
TASK_COLUMNS = (*OF_CELL, "task", "n_way", "n_query", *METRICS, *COSTS)


def task_rows(results: Iterable[CellResult]) -> list[Row]:
    """One row for each method, set, part, number of shots, seed and task.

    Where base and new classes were judged, further rows have the harmonic mean of both accuracies.
    """
    rows = []
    for result in results:
        for part, found in result.parts.items():
            for number, task in enumerate(found.tasks):
                rows.append(_in_order({**_of_cell(result, part), "task": number, **task}))
        rows += _harmonic(result)
    return rows


def class_rows(results: Iterable[CellResult], classes: Mapping[str, Sequence[str]]) -> list[Row]:
    """Precision and recall of each class, over the tasks of a seed; empty where it has none.

    Args:
        results: What was measured.
        classes: Names of each set's classes.
    """
    rows = []
    for result in results:
        names = classes[result.cell.store]
        for part, found in result.parts.items():
            right, true, called = {}, dict[int, int](), dict[int, int]()
            for one, other, count in found.confusion:
                true[one] = true.get(one, 0) + count
                called[other] = called.get(other, 0) + count
                if one == other:
                    right[one] = count
            for number in sorted({*true, *called}):
                hits = right.get(number, 0)
                rows.append(
                    {
                        **_of_cell(result, part),
                        "class": names[number],
                        "precision": hits / called[number] if number in called else None,
                        "recall": hits / true[number] if number in true else None,
                        "support": true.get(number, 0),
                    }
                )
    return rows


def confusion_rows(
    results: Iterable[CellResult], classes: Mapping[str, Sequence[str]]
) -> list[Row]:
    """How often a class was called another, or itself, over all seeds; counts of 0 left out."""
    counts: dict[tuple[Any, ...], int] = {}
    for result in results:
        names = classes[result.cell.store]
        for part, found in result.parts.items():
            for true, called, count in found.confusion:
                key = (*_of_draws(result, part), names[true], names[called])
                counts[key] = counts.get(key, 0) + count
    head = ("method", "store", "part", "n_shot", "true", "predicted")
    return [dict(zip((*head, "count"), (*key, n), strict=True)) for key, n in counts.items()]


def bin_rows(results: Iterable[CellResult]) -> list[Row]:
    """Mean confidence and share of right answers by bin of confidence, over all seeds."""
    sums: dict[tuple[Any, ...], list[float]] = {}
    for result in results:
        for part, found in result.parts.items():
            for number, values in enumerate(found.bins):
                total = sums.setdefault((*_of_draws(result, part), number), [0.0, 0.0, 0.0])
                for place, value in enumerate(values):
                    total[place] += value
    head = ("method", "store", "part", "n_shot", "bin")
    return [
        {
            **dict(zip(head, key, strict=True)),
            "n": int(n),
            "confidence": confidence / n,
            "right": right / n,
        }
        for key, (n, confidence, right) in sums.items()
        if n
    ]


def mistake_rows(
    results: Iterable[CellResult],
    classes: Mapping[str, Sequence[str]],
    pictures: Mapping[str, Sequence[tuple[str, str]]],
) -> list[Row]:
    """The most confident wrong answers of each seed, the worst first.

    Args:
        results: What was measured.
        classes: Names of each set's classes.
        pictures: Path and hash of each set's pictures.
    """
    rows = []
    for result in results:
        names, files = classes[result.cell.store], pictures[result.cell.store]
        for part, found in result.parts.items():
            for mistake in found.mistakes:
                path, sha256 = files[mistake.picture]
                rows.append(
                    {
                        **_of_cell(result, part),
                        "path": path,
                        "sha256": sha256,
                        "true": names[mistake.true],
                        "predicted": names[mistake.called],
                        "confidence": mistake.confidence,
                        "own": mistake.own,
                    }
                )
    return rows


def _of_cell(result: CellResult, part: str) -> Row:
    method, store, n_shot, seed = result.cell
    return dict(zip(OF_CELL, (method, store, part, n_shot, seed), strict=True))


def _of_draws(result: CellResult, part: str) -> tuple[str, str, str, int]:
    return result.cell.method, result.cell.store, part, result.cell.n_shot


def _in_order(row: Row) -> Row:
    return {name: row.get(name) for name in TASK_COLUMNS}


def _harmonic(result: CellResult) -> Iterator[Row]:
    if "new" not in result.parts:
        return
    pairs = zip(result.parts["base"].tasks, result.parts["new"].tasks, strict=True)
    for number, (base, new) in enumerate(pairs):
        one, other = base["accuracy"], new["accuracy"]
        mean = 2 * one * other / (one + other) if one + other else 0.0
        row = {**_of_cell(result, "harmonic"), "task": number, "accuracy": mean}
        yield _in_order({**row, "n_query": base["n_query"] + new["n_query"]})
