"""The result of an evaluation as a page, as Markdown, and as lines of a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from metaadapter.bench.evaluation.metrics import METRICS
from metaadapter.bench.evaluation.strangers import STRANGER_METRICS
from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report import words
from metaadapter.bench.report.evaluation_result import EvaluationResult
from metaadapter.bench.report.evaluation_run import ByShots, Row, at
from metaadapter.bench.report.figures import accuracy_by_shots, reliability, style_of
from metaadapter.bench.report.names_axis import NamesAxis
from metaadapter.bench.report.template import (
    Inert,
    aligned_table,
    code,
    render,
    render_text,
)
from metaadapter.features.views import looks_in_words
from metaadapter.files.plain_text import in_markdown, one_line

# A gain or loss of this many points gives a cell its full colour.
STRONGEST = 10
SECTIONS = (
    *("integrity", "accuracy", "gain", "strangers", "ranks", "time", "calibration"),
    *("metrics", "errors", "how"),
)
"""The sections of the page in their order; `templates/sections/` has a template for each, which
reads `result`, an `EvaluationResult`, and is empty where the result has nothing for it."""
STRANGER_METRICS_OF_A_TERMINAL = ("unknown_auroc", "far_auroc")


def markdown(result: EvaluationResult) -> str:
    """Render the whole report as Markdown, without figures and pictures."""
    marks = {"heading": Markup("## "), "subheading": Markup("### "), "bullet": Markup("- ")}
    metrics = result.strangers.metrics if result.strangers else ()
    return _render("evaluation.md.jinja", result, in_markdown, metrics, **marks) + "\n"


def overview(result: EvaluationResult) -> list[str]:
    """Return lines for a terminal: accuracy, gains, log loss, calibration, ranks and integrity."""
    marks = {"heading": "", "subheading": "", "bullet": ""}
    metrics = STRANGER_METRICS_OF_A_TERMINAL
    text = _render("evaluation_overview.jinja", result, one_line, metrics, **marks)
    return text.strip("\n").split("\n")


def _render(
    template: str,
    result: EvaluationResult,
    inert: Inert,
    stranger_metrics: Sequence[str],
    **marks: str,
) -> str:
    return render_text(
        template,
        (
            *_table_filters(result, inert),
            words.names_title,
            words.fraction,
            words.metric_name,
            _summary,
            code,
        ),
        inert,
        result=result,
        stranger_metrics=stranger_metrics,
        all_stranger_metrics=STRANGER_METRICS,
        shown_metrics=("nll", "ece", *(name for name in result.quality if name not in METRICS)),
        costs=_costs(result),
        **marks,
    )


def _table_filters(result: EvaluationResult, inert: Inert) -> tuple[Callable[..., Markup], ...]:
    """Return the filters that write tables of a result, for templates to call by their names."""
    shots = [f"{n} shot{'' if n == 1 else 's'}" for n in result.shots]
    head = ["shots", *map(str, result.shots)]

    def table(cell: Callable[[str, int], str], methods: Sequence[str] = result.methods) -> Markup:
        """Return a table with a row for each method that has a cell; "" if none has any."""
        cells = {method: [cell(method, n) for n in result.shots] for method in methods}
        rows = {method: row for method, row in cells.items() if any(row)}
        return Markup(aligned_table(head, rows, inert) if rows else "")

    def by_shots(estimates: ByShots, metric: str = "accuracy") -> Markup:
        """Return a table of estimates; "" if no method has one."""

        def cell(method: str, n: int) -> str:
            return words.metric_estimate(one, metric) if (one := at(estimates, method, n)) else ""

        strangers = result.strangers if metric in STRANGER_METRICS else None
        return table(cell, strangers.methods if strangers else result.methods)

    def gains(place: str) -> Markup:
        """Return a table of gains, each with its intervals over draws and over classes."""

        def cell(method: str, n: int) -> str:
            gain, p = at(result.gain[place], method, n), at(result.p_by_class[place], method, n)
            over_classes = at(result.gain_by_class[place], method, n)
            return words.gain(gain, over_classes, p) if gain else ""

        return table(cell)

    def names_table(axis: NamesAxis) -> Markup:
        """Return a table with a row for each level of names."""
        head = ["names", "zero-shot", *shots]
        return Markup(aligned_table(head, words.names_rows(axis), inert))

    return by_shots, gains, names_table


def _costs(result: EvaluationResult) -> Markup:
    rows = {
        method: [
            *(_amount(cost[name], 1000.0) for name in ("fit_seconds", "predict_seconds")),
            _amount(cost["peak_mib"]),
        ]
        for method, cost in result.costs.items()
    }
    head = ["method", "fit, ms", "answer, ms", "memory, MiB"]
    return Markup(aligned_table(head, rows, in_markdown))


def _amount(value: float | None, factor: float = 1.0) -> str:
    return "" if value is None else f"{factor * value:,.4g}"


def _summary(facts: Row) -> str:
    looks = looks_in_words(bool(facts.get("zoom")), facts.get("blocks") or ())
    return (
        f"{facts['n_pictures']} pictures of {facts['n_classes']} classes, "
        f"{facts['n_views']} view(s){looks}, {facts['fingerprint']}, identity {facts['identity']}"
    )


def page(result: EvaluationResult, thumbnails: Mapping[str, bytes]) -> str:
    """Render the page; `thumbnails` maps the hash of a picture's bytes to its JPEG."""
    overall = next(iter(result.accuracy))
    styles = {method: style_of(method, result) for method in result.methods}
    n_shots = len(result.shots)
    few = sorted({result.shots[i] for i in (0, n_shots // 2, n_shots - 1)})
    return render(
        "evaluation_page.html.jinja",
        (
            *(words.points, words.signed, words.signed_points, words.metric),
            *(words.metric_estimate, words.metric_name, words.short, words.fraction),
            *(words.names_title, words.names_rows),
            *(_percent, _sentence, _seconds, _number, _tint, _shade),
            *(accuracy_by_shots, reliability),
        ),
        result=result,
        sections=SECTIONS,
        overall=overall,
        notes=words.method_notes(result.methods),
        stranger_notes=words.score_notes(result.strangers.methods if result.strangers else ()),
        stranger_metrics=STRANGER_METRICS,
        thumbnails=thumbnails,
        doubted=[
            method
            for method in result.methods
            if any(box.methods.get(method, box.status) != "pass" for box in result.boxes)
        ],
        styles=styles,
        named=[method for method, style in styles.items() if style.is_named],
        few_shots={n: f"{n} labelled picture{'s' if n > 1 else ''} a class" for n in few},
    )


def _tint(estimate: Estimate) -> str:
    """Return HTML attributes that colour a cell by a difference whose interval excludes zero."""
    if not abs(estimate.mean) > estimate.half:
        return ""
    strength = min(1.0, 100 * abs(estimate.mean) / STRONGEST)
    kind = "gain" if estimate.mean > 0 else "loss"
    return Markup(f' class="{kind}" style="--strength: {strength:.2f}"')


def _shade(count: int, total: int) -> Markup:
    """Return an HTML attribute for a cell's strength: a square root, so that 5 % is visible."""
    return Markup(f' style="--strength: {(count / total) ** 0.5 if total else 0:.2f}"')


def _percent(count: int, total: int) -> str:
    return f"{100 * count / total:.0f}" if count else ""


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _number(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.2g}" if 0 < value < 10 else f"{value:,.0f}"
