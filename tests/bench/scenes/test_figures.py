from __future__ import annotations

import pytest

from metaadapter.bench.evaluation.cell import Cell, CellResult
from metaadapter.bench.scenes.methods import OVERALL, MethodAnswers, measure_answers
from metaadapter.bench.scenes.result import STORE, summarise
from metaadapter.bench.scenes.run import open_cells

TRUE = ["deer", "deer", "deer", "fox", "empty", "empty", "empty", "empty"]
ANSWERS = MethodAnswers(["deer", "deer", "fox", "fox", "deer", "empty", "empty", "empty"], 0.5, 12)


def by_part(columns):
    """Part → its figures, without those that it does not have."""
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return {
        row.pop("part"): {name: figure for name, figure in row.items() if figure is not None}
        for row in rows
    }


def test_figures__counted_by_hand__agree():
    figures = by_part(measure_answers(TRUE, ANSWERS, ["empty"]))

    assert figures["deer"] == pytest.approx({"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3})
    assert figures["fox"] == pytest.approx({"precision": 1 / 2, "recall": 1, "f1": 2 / 3})
    assert figures[OVERALL] == pytest.approx(
        {
            "macro_f1": 2 / 3,  # of deer and fox
            "false_alarms": 250,
            "accuracy": 6 / 8,
            "seconds": 0.5,
            "trained": 12,
        }
    )


def test_figures__no_empty_frames__tell_of_no_false_alarms():
    answers = MethodAnswers(["deer", "deer"], 0.0, 0)

    figures = measure_answers(["deer", "fox"], answers, [])

    assert "false_alarms" not in by_part(figures)[OVERALL]


@pytest.fixture
def study(tmp_path):
    """Measure some cells of a study; the cells that were not there before, and the notes."""
    path = tmp_path / "cells.jsonl"
    tables = {"rows": measure_answers(TRUE, ANSWERS, ["empty"])}

    def measured(*cells, study="study"):
        missing, notes = [], []

        def measure(given):
            missing.extend(given)
            return [(cell, tables) for cell in given]

        journal = open_cells(path, study, notes.append)
        journal.measure_missing(
            cells, {"a": "a"}, "bench", measure, tell=lambda *_: None, note=notes.append
        )
        assert [journal.results[cell].tables for cell in cells] == [tables] * len(cells)
        return path, missing, notes

    return measured


def test_cells__of_the_same_study__are_there_again_but_for_a_line_that_was_cut_off(study):
    cells = [Cell("a", STORE, 1, 0), Cell("a", STORE, 1, 1)]
    path, missing, notes = study(*cells)
    assert (missing, notes) == (cells, [])
    path.write_bytes(path.read_bytes()[:-10])

    assert study(*cells)[1:] == (cells[1:], [])
    assert study(*cells)[1:] == ([], [])
    _, missing, (note,) = study(*cells, study="other")
    assert missing == cells
    assert "holds no cell of this study" in note


def test_cells__file_of_an_earlier_version__are_measured_again_with_a_note(study, tmp_path):
    (tmp_path / "cells.jsonl").write_text(
        '{"schema": "metaadapter.study_cells/1", "study": "study"}\n'
        '{"cell": ["a", 1, 0], "figures": {"macro_f1": 0.6}}\n'
    )
    cell = Cell("a", STORE, 1, 0)

    path, missing, (note,) = study(cell)

    assert missing == [cell]
    assert "all cells are measured again" in note
    assert "study_cells/1" not in path.read_text()
    assert study(cell)[1:] == ([], [])


def test_summary__differences__are_paired_draw_by_draw():
    def result(method, draw, f1):
        rows = measure_answers(TRUE, ANSWERS, ["empty"])
        rows["macro_f1"][0] = f1
        return CellResult(Cell(method, STORE, 1, draw), "", "", {"rows": rows})

    results = [result("metaadapter", draw, 0.5 + 0.1 * draw) for draw in range(3)]
    results += [result("peer", draw, 0.3 + 0.1 * draw) for draw in range(2)]

    summary = summarise(results)

    assert summary["means"]["macro_f1"]["metaadapter"][1].mean == pytest.approx(0.6)
    assert summary["differences"]["peer"][1].mean == pytest.approx(0.2)
    assert summary["differences"]["peer"][1].half == pytest.approx(0, abs=1e-9)
    assert summary["n_draws"] == {"metaadapter": 3, "peer": 2}
