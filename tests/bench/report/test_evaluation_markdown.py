from __future__ import annotations

from dataclasses import replace

from metaadapter.bench.evaluation.summary import MEAN
from metaadapter.bench.report.evaluation_markdown import markdown, overview


def test_overview__terminal__has_tables_ranks_and_boxes(result):
    lines = overview(result)

    assert lines[0] == "Accuracy in %, mean over sets"
    title = "Gain of closed-form over each method, in points, mean over sets"
    title += ", ± over draws / over classes, * if p < 0.05 over classes for all methods together"
    first = lines.index(title)
    (part,) = result.parts
    tables = part.gain[MEAN], part.gain_by_class[MEAN]
    draws, classes = (100 * table["GDA"][1].half for table in tables)
    (row,) = (line for line in lines[first : first + 10] if line.startswith("| GDA "))
    star = " *" if part.p_by_class[MEAN]["GDA"][1] < 0.05 else ""
    assert f"± {draws:.1f} / {classes:.1f}{star} |" in row
    tables = [line for line in lines if line.startswith("| ")]
    n_methods = len(result.methods)
    # Accuracy, gains, log loss and calibration error.
    assert len(tables) == (1 + n_methods) + (1 + n_methods - 1) + 2 * (1 + n_methods)
    assert "Log loss, nats (small is good)" in lines
    assert "Calibration error, % (small is good)" in lines
    assert {len(line) for line in tables[: 1 + n_methods]} == {len(tables[0])}
    assert sum(line.startswith("pass: ") for line in lines) == len(result.boxes)


def renamed(result, name):
    """The result with another name of the method GDA."""
    renaming = {"GDA": name}
    methods = tuple(renaming.get(method, method) for method in result.methods)
    (part,) = result.parts
    accuracy = {
        place: {renaming.get(method, method): row for method, row in table.items()}
        for place, table in part.accuracy.items()
    }
    costs = {renaming.get(method, method): cost for method, cost in result.costs.items()}
    parts = (replace(part, accuracy=accuracy),)
    return replace(result, methods=methods, parts=parts, costs=costs)


def test_markdown__names_with_marks_of_markdown__are_escaped(result):
    lines = markdown(renamed(result, "a|<b>")).splitlines()

    (line, _) = [line for line in lines if line.startswith("| a")]
    assert line.replace("\\|", "").count("|") == 5
    assert r"a\|\<b\>" in line


def test_overview__names_that_steer_a_terminal__are_shown_as_python_writes_them(result):
    lines = overview(renamed(result, "finetune@1\x1b[2J\nerror: none"))

    assert all("\n" not in line and "\x1b" not in line for line in lines)
    assert [line for line in lines if line.startswith(r"| finetune@1\x1b[2J\nerror: none ")]
