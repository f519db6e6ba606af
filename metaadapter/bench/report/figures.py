"""Draws the figures of a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from metaadapter.bench.report.evaluation_result import EvaluationResult
from metaadapter.bench.report.evaluation_run import ByShots, Row
from metaadapter.bench.report.method_style import MethodStyle, style_of
from metaadapter.bench.report.names_axis import NamesAxis
from metaadapter.bench.report.panel import colour, panel

POINTS_SHOWN = 12
"""An axis by names begins this many points below the lowest figure that is compared."""
DOTTED: dict[str, Any] = {"color": colour("muted"), "linewidth": 1, "linestyle": (0, (2, 3))}


def accuracy_by_shots(result: EvaluationResult, accuracy: ByShots, name: str, title: str) -> Markup:
    """Draw accuracy against shots, with 95 % bands; `name` must be unique in a page."""
    shots = sorted({n_shot for estimates in accuracy.values() for n_shot in estimates})
    with panel(name, f"Accuracy by shots, {title}", height=300) as drawing:
        for method in reversed(result.methods):
            style = style_of(method, result)
            estimates = dict(sorted(accuracy.get(method, {}).items()))
            alpha = style.alpha(method == result.reference)
            drawing.draw(list(estimates), list(estimates.values()), style.line, alpha)
        drawing.use_doublings(shots, list(map(str, shots)))
        drawing.axes.set_xlabel("labelled pictures of each class")
        drawing.show_percentages()
        return drawing.to_svg()


def accuracy_by_names(
    result: EvaluationResult, axis: NamesAxis, n_shot: int, name: str, title: str
) -> Markup:
    """Draw accuracy against that of the names alone; a dotted line is the best peer of each."""
    levels = sorted(axis.levels, key=lambda level: axis.zero_shot[level])
    names_alone = [100 * axis.zero_shot[level] for level in levels]
    best = [100 * axis.best[level][n_shot].of_peer for level in levels]
    own = [100 * axis.best[level][n_shot].reference for level in levels]
    with panel(name, f"Accuracy by names, {title}", height=300) as drawing:
        for method in reversed(result.methods):
            accuracy = axis.means[method][n_shot]
            means = [100 * accuracy[level] for level in levels]
            drawing.axes.plot(names_alone, means, **style_of(method, result).line)
        drawing.axes.plot(names_alone, best, color=colour("ink"), linestyle=":", zorder=4)
        # The names alone fall to chance, and would leave the others no room.
        drawing.axes.set_ylim(bottom=min(own + best) - POINTS_SHOWN)
        drawing.axes.set_xlabel("% correct by the names alone (zero-shot)")
        drawing.show_percentages()
        return drawing.to_svg()


def reliability(bins: Sequence[Row], style: MethodStyle, name: str, title: str) -> Markup:
    """Draw the fraction of correct answers against confidence; bars show the answers in a bin."""
    n = sum(row["n"] for row in bins)
    with panel(name, f"Reliability, {title}", height=230) as drawing:
        axes = drawing.axes
        confidence = [100 * row["confidence"] for row in bins]
        fractions = [100 * row["n"] / n for row in bins]
        axes.bar(confidence, fractions, width=5, color=colour("line"), zorder=2)
        axes.plot([0, 100], [0, 100], **DOTTED)
        axes.plot(confidence, [100 * row["correct"] for row in bins], **style.line)
        axes.set_xlim(0, 101)
        axes.set_ylim(0, 101)
        axes.set_xlabel("confidence, %")
        drawing.show_percentages()
        return drawing.to_svg()
