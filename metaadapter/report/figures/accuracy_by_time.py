"""Accuracy against the seconds that it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaadapter.report.evaluation_result import ByShots, EvaluationResult
from metaadapter.report.figures.method_style import style_of
from metaadapter.report.figures.panel import colour, panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["POINTS_SHOWN", "accuracy_by_time"]

POINTS_SHOWN = 12
"""Methods that are further below the best would press the others together: they are left out."""
# Times that lie closer are not written twice.
LEAST_RATIO = 1.3


def accuracy_by_time(
    result: EvaluationResult, accuracy: ByShots, n_shot: int, name: str, title: str
) -> tuple[str, list[str]]:
    """A point a method over a logarithmic axis of time; the gradient path is a line.

    Returns:
        The figure, and the methods that lie too far below the best to be in it.
    """
    measured = {
        method: (1000 * result.seconds[method][n_shot], 100 * accuracy[method][n_shot].mean)
        for method in reversed(result.methods)
        if n_shot in accuracy.get(method, {}) and result.seconds[method][n_shot] > 0
    }
    best = max((percent for _, percent in measured.values()), default=0.0)
    points = {name: at for name, at in measured.items() if at[1] > best - POINTS_SHOWN}
    told = f"Accuracy by time, {title}: " + "; ".join(
        f"{method} {percent:.1f} % in {time:.3g} ms" for method, (time, percent) in points.items()
    )
    with panel(name, told) as drawing:
        from matplotlib.ticker import LogLocator, NullFormatter

        axes = drawing.axes
        _draw_path(axes, [(method, *points[method]) for method in result.path if method in points])
        for method, (time, percent) in points.items():
            style = style_of(method, result)
            axes.plot([time], [percent], **{**style.line, "marker": style.marker or "o"})
        axes.set_xscale("log")
        times = [time for time, _ in points.values()]
        if times:
            # Within two decades, powers of ten alone could be a single tick, or none.
            steps = (1, 2, 5) if max(times) < 100 * min(times) else (1,)
            axes.xaxis.set_major_locator(LogLocator(subs=steps))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("milliseconds to fit and to answer, a task")
        drawing.show_percentages()
        below = [name for name in result.methods if name in measured and name not in points]
        return drawing.to_svg(), below


def _draw_path(axes: Axes, path: list[tuple[str, float, float]]) -> None:
    """A line through the points, each with its number of steps."""
    axes.plot(
        [time for _, time, _ in path], [percent for *_, percent in path], color=colour("muted")
    )
    last = 0.0
    for method, time, percent in path:
        if time > LEAST_RATIO * last:
            axes.annotate(
                method.partition("@")[2],
                (time, percent),
                xytext=(0, -13),
                textcoords="offset points",
                horizontalalignment="center",
                fontsize=10,
                color=colour("muted"),
            )
            last = time
