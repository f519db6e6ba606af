from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from metaadapter.bench.evaluation.cells import Cell, CellResult
from metaadapter.bench.evaluation.sets.store_sets import set_of_store
from metaadapter.bench.evaluation.tables import (
    TASK_COLUMNS,
    all_tables,
    content,
    read_table,
    table,
)
from metaadapter.errors import DataError
from metaadapter.files.output_folder import replace_file

COUNTS = np.array([[5, 2, 0], [1, 6, 0], [0, 3, 4]])
MISTAKE = (1, 2, 0, 0.9, 0.05), (0, 0, 1, 0.8, 0.1)


def columns(names, rows):
    """A table as a journal keeps it."""
    rows = list(rows)
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def cell(*accuracies, counts=COUNTS, bins=((0, 4, 1.2, 1), (1, 0, 0.0, 0)), wrong=()):
    tasks = [
        {"task": task, "n_way": 3, "n_query": 7, "accuracy": accuracy}
        for task, accuracy in enumerate(accuracies)
    ]
    cells = [(i, j, int(counts[i, j])) for i, j in zip(*counts.nonzero(), strict=True)]
    return {
        "rows": {key: [task.get(key) for task in tasks] for key in TASK_COLUMNS[4:]},
        "confusion": columns(("true", "predicted", "count"), cells),
        "bins": columns(("bin", "n", "confidence", "right"), bins),
        "mistakes": columns(("picture", "true", "predicted", "confidence", "own"), wrong),
    }


@pytest.fixture
def tables(make_store):
    """The tables of an evaluation of one cell for each seed, all with the same figures."""
    store = make_store("pets", {"ant": 1, "bee": 1, "cow": 1})

    def make(of_cell, seeds=1):
        cells = [Cell("GDA", "pets", 4, seed) for seed in range(seeds)]
        results = [CellResult(cell, "m", "b", of_cell) for cell in cells]
        return all_tables(results, {"pets": set_of_store(store.folder)})

    return make


def test_classes__are_as_scikit_learn_has_them(tables):
    rows = tables(cell(0.5), seeds=2)["classes"]

    true, predicted = (
        np.repeat(numbers, COUNTS.flatten()) for numbers in np.indices((3, 3)).reshape(2, -1)
    )
    precision, recall, _, support = precision_recall_fscore_support(true, predicted)
    assert rows["class"].tolist() == ["ant", "bee", "cow"] * 2
    assert rows["seed"].tolist() == [0] * 3 + [1] * 3
    assert rows["precision"].tolist() == pytest.approx([*precision] * 2)
    assert rows["recall"].tolist() == pytest.approx([*recall] * 2)
    assert rows["support"].tolist() == support.tolist() * 2


def test_confusion_and_bins__are_added_over_seeds(tables):
    result = tables(cell(0.5), seeds=2)

    counts = result["confusion"].set_index(["true", "predicted"])["count"]
    (only,) = result["bins"].to_dict("records")

    assert counts["cow", "bee"] == 6
    assert counts.sum() == 2 * COUNTS.sum()
    assert (only["bin"], only["n"], only["confidence"], only["right"]) == (0, 8, 0.3, 0.25)


def test_mistakes__name_the_file_and_both_classes(tables):
    mistakes = tables(cell(0.5, wrong=MISTAKE))["mistakes"]

    columns = ["seed", "path", "sha256", "true", "predicted", "confidence", "own"]
    assert mistakes[columns].to_numpy().tolist() == [
        [0, "1.png", "pets-1", "cow", "ant", 0.9, 0.05],
        [0, "0.png", "pets-0", "ant", "bee", 0.8, 0.1],
    ]


COLUMNS = {
    "method": ["007", "a,\n\udcff", "NA"],
    "n_shot": [2, 16, 16],
    "accuracy": [0.1 + 0.2, 1e-300, 1 / 3],
    "nll": [None, 2.0, 0.5],
    "n_query": [None, 7, 8],
}


@pytest.fixture
def rows():
    return table(COLUMNS)


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz"])
def test_read_table__has_what_was_written(name, rows, tmp_path):
    replace_file(tmp_path / name, content(rows, packed=name.endswith(".gz")))

    result = read_table(tmp_path / name)

    assert result.equals(rows)
    assert result["method"].tolist() == COLUMNS["method"]


@pytest.mark.parametrize("text", ["n_shot\nfour\n", ""])
def test_read_table__damaged__names_the_file(text, tmp_path):
    (tmp_path / "rows.csv").write_text(text)

    with pytest.raises(DataError, match=r"cannot read the table .*rows\.csv"):
        read_table(tmp_path / "rows.csv")
