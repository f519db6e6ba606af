"""The result of a continual evaluation as one HTML page, without other files or network."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from markupsafe import Markup

from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report.method_style import style_among
from metaadapter.bench.report.panel import colour, panel
from metaadapter.bench.report.template import render
from metaadapter.bench.sequences.findings import ContinualResult, Curve
from metaadapter.bench.sequences.markdown import MEASURE_NAMES, SETTING_NOTES, figure, gain

# Smaller values of these measures are better.
SMALL_IS_GOOD = ("forgetting", "bytes_a_class")
# A gain or loss of this size, as a fraction of 1, gives a cell its full colour.
STRONGEST = 0.1


def continual_page(result: ContinualResult) -> str:
    """Render the page; the same result gives the same page."""
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
            name = f"curve-{number}-{n_shot}"
            yield title, Markup(accuracy_by_tasks(result, curve, n_shot, name, title))


def _tint(estimate: Estimate, measure: str) -> str:
    """Return HTML attributes that colour a cell by a difference whose interval excludes zero."""
    if measure == "bytes_a_class" or not abs(estimate.mean) > estimate.half:
        return ""
    is_good = (estimate.mean > 0) != (measure in SMALL_IS_GOOD)
    strength = min(1.0, abs(estimate.mean) / STRONGEST)
    return Markup(f' class="{"gain" if is_good else "loss"}" style="--strength: {strength:.2f}"')


def _heat(value: float, is_learned: bool) -> str:
    """Return HTML attributes that colour a cell of a matrix; unlearned tasks have another hue."""
    if math.isnan(value):
        return ""
    return Markup(f' class="{"hit" if is_learned else "miss"}" style="--strength: {value:.2f}"')


def _percent(value: float) -> str:
    return "" if math.isnan(value) else f"{100 * value:.0f}"


def accuracy_by_tasks(
    result: ContinualResult, curve: Curve, n_shot: int, name: str, title: str
) -> str:
    """Draw accuracy against tasks learned, with 95 % bands; learners not featured are grey."""
    description = f"{title} by tasks learned: " + "; ".join(
        f"{method} " + ", ".join(f"{100 * point.mean:.1f} %" for point in curve[method][n_shot])
        for method in result.featured
    )
    with panel(name, description, height=300) as drawing:
        axes = drawing.axes
        for method in reversed(result.methods):
            estimates, style = curve[method][n_shot], style_among(method, result.featured)
            mean = np.array([100 * estimate.mean for estimate in estimates])
            half = np.array([100 * estimate.half for estimate in estimates])
            learned = np.arange(1, len(estimates) + 1)
            axes.plot(learned, mean, **style.line)
            if style.marker:
                alpha = 0.25 if method == result.reference else 0.08
                low, high = (mean - half).clip(0, 100), (mean + half).clip(0, 100)
                axes.fill_between(
                    learned, low, high, color=colour(style.variable), alpha=alpha, lw=0
                )
        axes.set_xticks(range(1, len(result.tasks) + 1))
        axes.set_xlabel("tasks learned")
        drawing.show_percentages()
        return drawing.to_svg()
