"""An evaluation tells how far the training within a cell is."""

from __future__ import annotations

import pytest

from metaadapter.bench.evaluation import cell as module
from metaadapter.bench.evaluation.cell import Cell, reporting_cell_steps
from metaadapter.bench.evaluation.finished_cells import read_cells
from metaadapter.bench.evaluation.run import evaluate
from metaadapter.data.training_steps import counted

CELL = Cell("ZS-LP", "pets", 16, 0)


@pytest.fixture
def hear():
    """The reports of trainings whose lengths and seconds a step are given."""

    def make(*trainings):
        clock, heard = [100.0], []
        with reporting_cell_steps(CELL, heard.append, now=lambda: clock[0]):
            for n_steps, seconds in trainings:
                for _ in counted(n_steps):
                    clock[0] += seconds
        return heard

    return make


def test_cell_steps__slow_training__tells_each_step_and_the_time_left(hear):
    start, *steps = hear((4, 30.0))

    assert start == (CELL, 0, 0, 0.0, None)
    assert [(n_done, n_steps, seconds) for _, n_done, n_steps, seconds, _ in steps] == [
        *((1, 4, 30.0), (2, 4, 60.0), (3, 4, 90.0), (4, 4, 120.0))
    ]
    assert [report.seconds_left for report in steps] == [None, 60.0, 30.0, 0.0]


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setattr(module, "EVERY", 0.0)


def test_evaluate__interrupted_within_a_cell__keeps_the_finished_cells(often, pets, ask, tmp_path):
    config = ask(pets, methods=("zero-shot", "ZS-LP"), shots=(1,), seeds=1)

    def interrupt(report):
        if report.n_done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(config, tmp_path / "run", tell_steps=interrupt)

    kept = read_cells(tmp_path / "run")
    assert [cell.method for cell in kept] == ["zero-shot"]
