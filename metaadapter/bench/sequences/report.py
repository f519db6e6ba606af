"""The result of a continual evaluation as a page, as Markdown, and as lines of a terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from markupsafe import Markup

from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report.evaluation_run import ByShots
from metaadapter.bench.report.evaluation_views import tint
from metaadapter.bench.report.method_style import style_among
from metaadapter.bench.report.panel import panel
from metaadapter.bench.report.template import (
    Inert,
    aligned_table,
    code,
    markdown_table,
    render,
    render_text,
)
from metaadapter.bench.report.words import points, signed
from metaadapter.bench.sequences.findings import ContinualResult, Curve
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


# Smaller values of these measures are better.
SMALL_IS_GOOD = ("forgetting", "bytes_a_class")


def continual_page(result: ContinualResult) -> str:
    """Render the page, without other files or network; the same result gives the same page."""
    styles = {method: style_among(method, result.featured) for method in result.methods}
    return render(
        "continual_page.html.jinja",
        (figure, gain, _tint, _heat, _percent),
        result=result,
        setting_note=SETTING_NOTES[result.setting],
        measures={name: text for name, text in MEASURE_NAMES.items() if name in result.figures},
        styles=styles,
        named=[method for method, style in styles.items() if style.is_named],
        curves=list(_curves(result)),
    )


def _curves(result: ContinualResult) -> Iterator[tuple[str, Markup]]:
    curves = {
        "All tasks with queries": result.mean_curve,
        f"The first task, {result.tasks[0]}": result.first_curve,
    }
    for number, (subject, curve) in enumerate(curves.items()):
        for n_shot in sorted({result.shots[0], result.shots[-1]}):
            title = f"{subject}, {n_shot} shot{'' if n_shot == 1 else 's'}"
            yield title, accuracy_by_tasks(result, curve, n_shot, f"curve-{number}-{n_shot}", title)


def _tint(estimate: Estimate, measure: str) -> str:
    """Return HTML attributes that colour a cell by a difference whose interval excludes zero."""
    if measure == "bytes_a_class":
        return ""
    return tint(estimate, is_good=(estimate.mean > 0) != (measure in SMALL_IS_GOOD))


def _heat(value: float, is_learned: bool) -> str:
    """Return HTML attributes that colour a cell of a matrix; unlearned tasks have another hue."""
    if math.isnan(value):
        return ""
    return Markup(f' class="{"hit" if is_learned else "miss"}" style="--strength: {value:.2f}"')


def _percent(value: float) -> str:
    return "" if math.isnan(value) else f"{100 * value:.0f}"


def accuracy_by_tasks(
    result: ContinualResult, curve: Curve, n_shot: int, name: str, title: str
) -> Markup:
    """Draw accuracy against tasks learned, with 95 % bands; learners not featured are grey."""
    learned = range(1, len(result.tasks) + 1)
    with panel(name, f"{title} by tasks learned", height=300) as drawing:
        for method in reversed(result.methods):
            style = style_among(method, result.featured)
            alpha = style.alpha(method == result.reference)
            drawing.draw(learned, curve[method][n_shot], style.line, alpha)
        drawing.axes.set_xticks(learned)
        drawing.axes.set_xlabel("tasks learned")
        drawing.show_percentages()
        return drawing.to_svg()
