"""Draws the figures of a page."""

from __future__ import annotations

from markupsafe import Markup

from metaadapter.bench.report.evaluation_result import EvaluationResult
from metaadapter.bench.report.evaluation_run import ByShots
from metaadapter.bench.report.method_style import style_of
from metaadapter.bench.report.panel import panel


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
