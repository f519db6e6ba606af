from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from metaadapter.evaluation import Cell
from metaadapter.evaluation.journal import CellResult
from metaadapter.evaluation.mistakes import Mistake
from metaadapter.evaluation.part_result import PartResult
from metaadapter.evaluation.tables import (
    TASK_COLUMNS,
    bin_rows,
    class_rows,
    confusion_rows,
    mistake_rows,
    task_rows,
)

NAMES = {"pets": ("ant", "bee", "cow")}
COUNTS = np.array([[5, 2, 0], [1, 6, 0], [0, 3, 4]])


def result(seed=0, **parts):
    return CellResult(Cell("GDA", "pets", 4, seed), parts)


def part(*accuracies, counts=COUNTS, bins=((4.0, 1.2, 1.0), (0.0, 0.0, 0.0)), mistakes=()):
    tasks = tuple({"n_way": 3, "n_query": 7, "accuracy": each} for each in accuracies)
    cells = tuple(
        (int(i), int(j), int(counts[i, j])) for i, j in zip(*counts.nonzero(), strict=True)
    )
    return PartResult(tasks, cells, bins, mistakes)


def test_task_rows__have_every_column_in_order():
    (row,) = task_rows([result(all=part(0.5))])

    assert tuple(row) == TASK_COLUMNS
    assert [row[name] for name in ("method", "part", "n_shot", "task", "accuracy", "nll")] == [
        *("GDA", "all", 4, 0, 0.5, None)
    ]


def test_task_rows__base_and_new__have_a_harmonic_mean_each_task():
    rows = task_rows([result(base=part(0.8, 0.0), new=part(0.4, 0.0))])

    found = [row["accuracy"] for row in rows if row["part"] == "harmonic"]
    assert found == pytest.approx([2 * 0.8 * 0.4 / 1.2, 0.0])


def test_class_rows__are_as_scikit_learn_has_them():
    rows = class_rows([result(all=part(0.5))], NAMES)

    true, called = (np.repeat(each, COUNTS.flatten()) for each in np.indices((3, 3)).reshape(2, -1))
    precision, recall, _, support = precision_recall_fscore_support(true, called)
    assert [row["class"] for row in rows] == ["ant", "bee", "cow"]
    assert [row["precision"] for row in rows] == pytest.approx(precision)
    assert [row["recall"] for row in rows] == pytest.approx(recall)
    assert [row["support"] for row in rows] == support.tolist()


def test_class_rows__class_that_is_never_called__has_no_precision():
    rows = class_rows([result(all=part(0.5, counts=np.array([[0, 2], [0, 3]])))], NAMES)

    assert [(row["class"], row["precision"], row["recall"]) for row in rows] == [
        ("ant", None, 0.0),
        ("bee", 0.6, 1.0),
    ]


def test_confusion_and_bins__are_added_over_seeds():
    results = [result(seed, all=part(0.5)) for seed in range(2)]

    counts = {
        (row["true"], row["predicted"]): row["count"] for row in confusion_rows(results, NAMES)
    }
    (only,) = bin_rows(results)

    assert counts["cow", "bee"] == 6
    assert sum(counts.values()) == 2 * COUNTS.sum()
    assert (only["bin"], only["n"], only["confidence"], only["right"]) == (0, 8, 0.3, 0.25)


def test_mistake_rows__name_the_file_and_both_classes():
    mistakes = (Mistake(1, 2, 0, 0.9, 0.05), Mistake(0, 0, 1, 0.8, 0.1))
    files = {"pets": [("a.png", "aa"), ("c.png", "cc")]}

    worst, other = mistake_rows([result(3, all=part(0.5, mistakes=mistakes))], NAMES, files)

    assert (worst["seed"], worst["path"], worst["sha256"]) == (3, "c.png", "cc")
    assert (worst["true"], worst["predicted"]) == ("cow", "ant")
    assert (worst["confidence"], worst["own"]) == (0.9, 0.05)
    assert (other["path"], other["true"], other["predicted"]) == ("a.png", "ant", "bee")
