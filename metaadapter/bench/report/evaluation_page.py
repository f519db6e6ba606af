"""The result of an evaluation as one HTML page, without scripts, other files or network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from metaadapter.bench.evaluation.strangers import STRANGER_METRICS
from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report import figures, words
from metaadapter.bench.report.evaluation_result import EvaluationResult
from metaadapter.bench.report.method_style import style_of, styles_of_strangers
from metaadapter.bench.report.template import render

# A gain or loss of this many points gives a cell its full colour.
STRONGEST = 10


def page(result: EvaluationResult, thumbnails: Mapping[str, bytes]) -> str:
    """Render the page; `thumbnails` maps the hash of a picture's bytes to its JPEG."""
    overall = next(iter(result.parts[0].accuracy))
    styles = {method: style_of(method, result) for method in result.methods}
    styles = styles_of_strangers(result) | styles
    return render(
        "evaluation_page.html.jinja",
        (
            *(words.points, words.signed, words.signed_points, words.part_suffix, words.metric),
            *(words.metric_estimate, words.metric_name, words.short, words.fraction),
            *(words.domain_loss, words.names_title, words.names_rows),
            *(_percent, _sentence, _seconds, _number, tint, _shade),
            *(figures.accuracy_by_shots, figures.accuracy_by_time, figures.areas_by_shots),
            figures.accuracy_by_names,
            *(figures.gain_by_pool, figures.mean_ranks, figures.reliability),
        ),
        result=result,
        overall=overall,
        judged=words.part_suffix(result.judged),
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
        few_shots=_few_shots(result),
        points_shown=figures.POINTS_SHOWN,
        variables=words.POOL_VARIABLES,
    )


def _few_shots(result: EvaluationResult) -> dict[int, str]:
    few = sorted({result.shots[i] for i in (0, len(result.shots) // 2, -1)})
    return {n: f"{n} labelled picture{'s' if n > 1 else ''} a class" for n in few}


def tint(estimate: Estimate, is_good: bool | None = None) -> str:
    """Return HTML attributes that colour a cell by a difference whose interval excludes zero.

    By default a difference above 0 is good.
    """
    if not abs(estimate.mean) > estimate.half:
        return ""
    strength = min(1.0, 100 * abs(estimate.mean) / STRONGEST)
    kind = "gain" if (estimate.mean > 0 if is_good is None else is_good) else "loss"
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
