from __future__ import annotations

import pytest

from metaadapter.bench.scenes.cells import Cell, CellFile
from metaadapter.bench.scenes.figures import measure_answers
from metaadapter.bench.scenes.result import summarise

TRUE = ["deer", "deer", "deer", "fox", "empty", "empty", "empty", "empty"]
GIVEN = ["deer", "deer", "fox", "fox", "deer", "empty", "empty", "empty"]


def test_figures__counted_by_hand__agree():
    found = measure_answers(TRUE, GIVEN, ["empty"], 0.5, 12)

    assert found.species["deer"] == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert found.species["fox"] == pytest.approx((1 / 2, 1, 2 / 3))
    assert found.macro_f1 == pytest.approx(2 / 3)  # of deer and fox
    assert found.false_alarms == 250
    assert found.accuracy == pytest.approx(6 / 8)


def test_figures__no_empty_frames__tell_of_no_false_alarms():
    assert measure_answers(["deer", "fox"], ["deer", "deer"], [], 0.0, 0).false_alarms is None


def test_cells__of_the_same_study__are_there_again_but_for_a_line_that_was_cut_off(tmp_path):
    figures, cell = measure_answers(TRUE, GIVEN, ["empty"], 0.5, 12), Cell("a", 1, 0)
    file = CellFile(tmp_path / "cells.jsonl", "study")
    file.add(cell, figures)
    file.add(cell._replace(draw=1), figures)
    whole = (tmp_path / "cells.jsonl").read_bytes()
    (tmp_path / "cells.jsonl").write_bytes(whole[:-10])

    assert CellFile(tmp_path / "cells.jsonl", "study").cells == {cell: figures}
    assert CellFile(tmp_path / "cells.jsonl", "other").cells == {}


def test_summary__differences__are_paired_draw_by_draw():
    def with_f1(f1):
        return measure_answers(TRUE, GIVEN, ["empty"], 0.0, 0)._replace(macro_f1=f1)

    cells = {Cell("metaadapter", 1, draw): with_f1(0.5 + 0.1 * draw) for draw in range(3)}
    cells |= {Cell("peer", 1, draw): with_f1(0.3 + 0.1 * draw) for draw in range(2)}

    found = summarise(cells, ["metaadapter", "peer"], [1])

    assert found["means"]["macro_f1"]["metaadapter"][1].mean == pytest.approx(0.6)
    assert found["differences"]["peer"][1].mean == pytest.approx(0.2)
    assert found["differences"]["peer"][1].half == pytest.approx(0, abs=1e-9)
    assert found["n_draws"] == {"metaadapter": 3, "peer": 2}
