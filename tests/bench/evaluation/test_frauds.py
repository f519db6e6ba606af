"""Ways to publish better figures than a method has: the outcome of the checks after each one."""

from __future__ import annotations

import pandas as pd
import pytest

from metaadapter.bench.evaluation.cells import CELLS_FILE, PURPOSE, FinishedCells
from metaadapter.bench.report.evaluation_run import EvaluationRun
from metaadapter.bench.report.findings import find
from metaadapter.bench.run import evaluate
from metaadapter.errors import DataError
from metaadapter.files.db import Database
from metaadapter.training.config_file import load_config
from metaadapter.training.run import train

APART = "support and queries apart"
UNSEEN, CLASSES = "data sets unseen in meta-training", "classes unseen in meta-training"
AGAIN = "cells measured again"
MINE = "mine.py:mine"
LEARNS = """\
import torch
from metaadapter import AdapterGenerator

class Mine(AdapterGenerator):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def forward(self, support):
        return support.head(support.start_TND + self.weight * support.means_TND)
"""
TRAINING = """\
generator = "mine.py:Mine"

[[data.sources]]
name = "own"
stores = ["pets"]

[episodes]
n_way = [2, 3]
n_shot = [1, 2]
n_query = 2

[optim]
steps = 1
tasks_per_draw = 2
"""


@pytest.fixture
def scene(tmp_path, monkeypatch, pets, write_method, ask):
    """Writes mine.py, trains it, and evaluates it in the folder RUN; the store is tmp_path/pets."""
    monkeypatch.chdir(tmp_path)

    class Scene:
        store, method, audit = pets, MINE, 0

        def write(self, code):
            write_method(code, "")

        def train(self):
            (tmp_path / "mine.toml").write_text(TRAINING)
            train(tmp_path / "RUN", load_config(tmp_path / "mine.toml"), config_text=TRAINING)
            self.method = "mine.py:Mine@RUN/best"

        def evaluate(self):
            config = ask(self.store, methods=("GDA", self.method), shots=(1,), seeds=2)
            return evaluate(config, tmp_path / "run", audit=self.audit)

        def copy_tables_of_gda(self):
            """Write the tables of GDA's cells as those of the own method."""
            with Database(tmp_path / "run" / CELLS_FILE, PURPOSE) as database:
                finished = FinishedCells(database)
                for cell, result in list(finished.results.items()):
                    if cell.method == self.method:
                        better = finished.results[cell._replace(method="GDA")]
                        finished.append(result._replace(tables=better.tables))

    scene = Scene()
    scene.write("def mine(support):\n    return support.head(support.means_TND)\n")
    return scene


def trains_on_the_test_set(scene):
    scene.write(LEARNS)
    scene.train()


def trains_on_a_copy_under_another_name(scene):
    trains_on_the_test_set(scene)
    scene.store = scene.store.rename(scene.store.with_name("fresh"))


def trains_on_the_test_set_and_loses_the_record(scene):
    trains_on_the_test_set(scene)
    (scene.store.parent / "RUN" / "summary.json").unlink()


def reads_no_file(scene):
    pass


def copies_the_cells_of_a_better_method_and_is_audited(scene):
    scene.evaluate()
    scene.copy_tables_of_gda()
    scene.audit = 4


@pytest.mark.parametrize(
    ("fraud", "name", "status", "text"),
    [
        (trains_on_the_test_set, UNSEEN, "fail", "was trained on pets"),
        (trains_on_a_copy_under_another_name, UNSEEN, "fail", "trained on 36 pictures of fresh"),
        (trains_on_the_test_set_and_loses_the_record, UNSEEN, "unknown", "there is no record"),
        (reads_no_file, APART, "pass", "may read was not checked"),
        (copies_the_cells_of_a_better_method_and_is_audited, AGAIN, "fail", "2 are different"),
    ],
)  # fmt: skip
def test_fraud__planted__is_caught_or_told_as_not_checked(scene, fraud, name, status, text):
    fraud(scene)

    result = scene.evaluate()

    (box,) = [box for box in result.boxes if box.name == name]
    assert box.methods[scene.method] == status
    assert box.methods["GDA"] == "pass"
    assert text in box.detail


def test_fraud__table_edited__is_refused(scene, tmp_path):
    scene.evaluate()
    rows = pd.read_csv(tmp_path / "run" / "rows.csv").assign(accuracy=0.99)
    rows.to_csv(tmp_path / "run" / "rows.csv", index=False)

    with pytest.raises(DataError, match=r"rows\.csv is damaged or was changed"):
        find(EvaluationRun.read(tmp_path / "run"))


def test_audit__of_true_figures__says_that_they_are_equal(scene):
    scene.evaluate()
    scene.audit = 3

    box = scene.evaluate().boxes[-1]

    assert (box.name, box.status) == (AGAIN, "pass")
    assert box.detail == "3 of 4 cells, chosen at random: all figures are equal"
