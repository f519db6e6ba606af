"""Accuracy against the seconds that it takes."""

from __future__ import annotations

import re

from metaadapter.report.evaluation_result import ByShots, EvaluationResult
from metaadapter.report.figures.method_style import style_of
from metaadapter.report.figures.panel import colour, panel

__all__ = ["accuracy_by_time", "continuum"]


def continuum(methods: tuple[str, ...]) -> list[str]:
    """Methods that are one path after 0, 1, 2, … gradient steps, in that order."""
    steps = {
        name: int(found[1]) for name in methods if (found := re.fullmatch(r"finetune@(\d+)", name))
    }
    return sorted(steps, key=steps.__getitem__)


def accuracy_by_time(
    result: EvaluationResult, accuracy: ByShots, n_shot: int, name: str, of: str
) -> str:
    """A point a method over a logarithmic axis of seconds; the gradient path is a line."""
    points = {
        method: (1000 * result.seconds[method][n_shot], 100 * accuracy[method][n_shot].mean)
        for method in reversed(result.methods)
        if n_shot in accuracy.get(method, {}) and result.seconds[method][n_shot] > 0
    }
    told = f"Accuracy by time, {of}: " + "; ".join(
        f"{method} {right:.1f} % in {time:.3g} ms" for method, (time, right) in points.items()
    )
    with panel(name, told) as drawing:
        axes = drawing.axes
        path = [method for method in continuum(result.methods) if method in points]
        if path:
            times, rights = zip(*(points[method] for method in path), strict=True)
            axes.plot(times, rights, color=colour("ink"), linewidth=1)
        for method, (time, right) in points.items():
            style = style_of(method, result)
            axes.plot([time], [right], **{**style.line, "marker": style.marker or "o"})
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("milliseconds to fit and to answer, a task")
        axes.set_title("% right", loc="left")
        return drawing.to_svg()
