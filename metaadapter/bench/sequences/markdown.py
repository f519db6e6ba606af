"""The result of a continual evaluation as Markdown, and an overview for a terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup

from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report.evaluation_run import ByShots
from metaadapter.bench.report.template import (
    Inert,
    aligned_table,
    code,
    markdown_table,
    render_text,
)
from metaadapter.bench.report.words import points, signed
from metaadapter.bench.sequences.findings import ContinualResult
from metaadapter.data.plain_text import in_markdown, one_line

MEASURE_NAMES = {
    "last": "Last",
    "average": "Average",
    "transfer": "Transfer",
    "forgetting": "Forgetting ↓",
    "identification": "Right task",
    "bytes_a_class": "kB a class ↓",
}
"""Measure → title of a column, in % except for the size; ↓ means that smaller is better."""
SETTING_NOTES = {
    "task-incremental": "The task of each query is given, so only its own classes are possible.",
    "class-incremental": "The classes of all tasks learned so far are possible; there are no "
    "queries of later tasks.",
    "pooled": "The classes of all tasks are possible, also of tasks that are not learned yet.",
}


def figure(estimate: Estimate, measure: str) -> str:
    """Return the value of a measure in the unit of its column."""
    if measure == "bytes_a_class":
        return _kilobytes(estimate)
    return points(estimate).replace("-", "−")  # forgetting is negative after an improvement


def gain(estimate: Estimate, measure: str) -> str:
    """Return a difference of two values of a measure in the unit of its column."""
    if measure == "bytes_a_class":
        sign = "+" if estimate.mean > 0 else ""
        return (sign + _kilobytes(estimate)).replace("-", "−")
    return signed(estimate)


def _kilobytes(estimate: Estimate) -> str:
    value = estimate.mean / 1000
    if value and math.fabs(value) < 10:
        return f"{value:.1f}"
    return f"{value:,.0f}"


def continual_markdown(result: ContinualResult) -> str:
    """Render the whole report as Markdown, without figures."""
    marks = {"heading": Markup("## "), "bullet": Markup("- ")}
    return _render("continual.md.jinja", result, in_markdown, **marks) + "\n"


def continual_overview(result: ContinualResult) -> list[str]:
    """Return lines for a terminal: measures by number of shots, gains and integrity."""
    text = _render("continual_overview.jinja", result, one_line, heading="", bullet="")
    return text.strip("\n").split("\n")


def _render(template: str, result: ContinualResult, inert: Inert, **marks: str) -> str:
    def by_measure(
        table: Mapping[str, ByShots], text: Callable[[Estimate, str], str], n_shot: int
    ) -> Markup:
        """Return a table with a row for each learner; "" if no learner has an estimate."""
        measures = [name for name in MEASURE_NAMES if name in table]
        rows = {
            method: [
                text(table[name][method][n_shot], name)
                if n_shot in table[name].get(method, {})
                else ""
                for name in measures
            ]
            for method in result.methods
            if any(method in table[name] for name in measures)
        }
        head = ["learner", *(MEASURE_NAMES[name] for name in measures)]
        return Markup(aligned_table(head, rows, inert) if rows else "")

    def matrix(accuracy: Sequence[Sequence[float]]) -> Markup:
        tasks = list(map(in_markdown, result.tasks))
        rows = [
            [task, *("" if math.isnan(cell) else f"{100 * cell:.1f}" for cell in row)]
            for task, row in zip(tasks, accuracy, strict=True)
        ]
        return Markup(markdown_table(["after", *tasks], rows))

    return render_text(
        template,
        (by_measure, matrix, code),
        inert,
        result=result,
        setting_note=SETTING_NOTES[result.setting],
        figure=figure,
        gain=gain,
        **marks,
    )
