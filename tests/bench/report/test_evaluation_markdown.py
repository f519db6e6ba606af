from __future__ import annotations

from dataclasses import replace

from metaadapter.bench.report.evaluation_views import markdown, overview


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
