from __future__ import annotations

import pytest

from metaadapter.bench.evaluation.cell import Cell
from metaadapter.bench.scenes.result import measure_answers, summarise
from metaadapter.bench.scenes.run import measure_missing

TRUE = ["deer", "deer", "deer", "fox", "empty", "empty", "empty", "empty"]
GIVEN = ["deer", "deer", "fox", "fox", "deer", "empty", "empty", "empty"]


def test_figures__counted_by_hand__agree():
    found = measure_answers(TRUE, GIVEN, ["empty"], 0.5, 12)

    assert found["species"]["deer"] == pytest.approx([2 / 3, 2 / 3, 2 / 3])
    assert found["species"]["fox"] == pytest.approx([1 / 2, 1, 2 / 3])
    assert found["macro_f1"] == pytest.approx(2 / 3)  # of deer and fox
    assert found["false_alarms"] == 250
    assert found["accuracy"] == pytest.approx(6 / 8)


def test_figures__no_empty_frames__tell_of_no_false_alarms():
    assert measure_answers(["deer", "fox"], ["deer", "deer"], [], 0.0, 0)["false_alarms"] is None


@pytest.fixture
def study(tmp_path):
    """Measure some cells of a study; the cells that were not there before."""
    path = tmp_path / "cells.jsonl"
    figures = measure_answers(TRUE, GIVEN, ["empty"], 0.5, 12)

    def measured(*cells, study="study"):
        missing = []

        def measure(cell):
            missing.append(cell)
            return figures

        kept = measure_missing(path, study, cells, measure, lambda *_: None)
        assert kept == dict.fromkeys(cells, figures)
        return path, missing

    return measured


def test_cells__of_the_same_study__are_there_again_but_for_a_line_that_was_cut_off(study):
    cells = [Cell("a", "", 1, 0), Cell("a", "", 1, 1)]
    path, missing = study(*cells)
    assert missing == cells
    path.write_bytes(path.read_bytes()[:-10])

    assert study(*cells)[1] == cells[1:]
    assert study(*cells)[1] == []
    assert study(*cells, study="other")[1] == cells


def test_cells__file_of_an_earlier_version__is_read(study):
    path, _ = study(Cell("a", "", 1, 0))
    head, line = path.read_text().splitlines()

    assert head == '{"schema": "metaadapter.study_cells/1", "study": "study"}'
    assert line.startswith('{"cell": ["a", 1, 0], "figures": {"macro_f1": 0.6')


def test_summary__differences__are_paired_draw_by_draw():
    def with_f1(f1):
        return measure_answers(TRUE, GIVEN, ["empty"], 0.0, 0) | {"macro_f1": f1}

    cells = {Cell("metaadapter", "", 1, draw): with_f1(0.5 + 0.1 * draw) for draw in range(3)}
    cells |= {Cell("peer", "", 1, draw): with_f1(0.3 + 0.1 * draw) for draw in range(2)}

    found = summarise(cells, ["metaadapter", "peer"], [1])

    assert found["means"]["macro_f1"]["metaadapter"][1].mean == pytest.approx(0.6)
    assert found["differences"]["peer"][1].mean == pytest.approx(0.2)
    assert found["differences"]["peer"][1].half == pytest.approx(0, abs=1e-9)
    assert found["n_draws"] == {"metaadapter": 3, "peer": 2}
