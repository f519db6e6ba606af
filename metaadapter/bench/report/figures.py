"""The figures of a page; a method has the same colour and shape in all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metaadapter.bench.evaluation.summary import Ranks
from metaadapter.bench.report.evaluation_result import ByShots, EvaluationResult, Row
from metaadapter.bench.report.evaluation_run import ZERO_SHOT
from metaadapter.bench.report.panel import colour, panel
from metaadapter.bench.report.words import short

MARKERS = ("o", "s", "^", "D", "v", "P")
POINTS_SHOWN = 12
"""Methods that are further below the best would press the others together: they are left out."""
# Times that lie closer are not written twice.
LEAST_RATIO = 1.3


@dataclass(frozen=True, slots=True)
class MethodStyle:
    """Colour and shape of a method."""

    variable: str
    """The page's variable with its colour."""
    marker: str | None
    """None for a method without points."""
    dashed: bool = False
    is_named: bool = True
    """Whether the legend has it; the others are drawn in grey behind."""

    @property
    def line(self) -> dict[str, Any]:
        """As matplotlib's `plot` takes it."""
        return {
            "color": colour(self.variable),
            "marker": self.marker,
            "markersize": 5,
            "linewidth": 1.8 if self.is_named else 0.9,
            "linestyle": (0, (4, 3)) if self.dashed else "-",
            "zorder": 3 if self.is_named else 2,
        }

    @property
    def point(self) -> dict[str, Any]:
        """The same for a single point, which needs a marker."""
        return self.line | {"marker": self.marker or "o"}


def style_of(method: str, result: EvaluationResult) -> MethodStyle:
    """The style of one of the methods."""
    return style_among(method, result.featured, result.path)


def style_among(method: str, featured: Sequence[str], path: Sequence[str] = ()) -> MethodStyle:
    """The style of a method where those that are featured are told apart."""
    if method in featured:
        number = featured.index(method)
        return MethodStyle(f"method-{number}", MARKERS[number])
    if method == ZERO_SHOT:
        return MethodStyle("ink", None, dashed=True)
    if method in path:
        return MethodStyle("muted", ".", is_named=False)
    return MethodStyle("faint", None, is_named=False)


def styles_of_strangers(result: EvaluationResult) -> dict[str, MethodStyle]:
    """Of the methods that tell strangers: those that are featured anyway, then the best others."""
    found = result.strangers
    methods = found.methods if found else ()
    areas = [result.quality[name] for name in found.metrics if "auroc" in name] if found else []

    def area(method: str) -> float:
        return sum(each.mean for table in areas for each in table.get(method, {}).values())

    others = [name for name in methods if name not in (*result.featured, *result.path, ZERO_SHOT)]
    told = (*result.featured, *sorted(others, key=area, reverse=True))[: len(MARKERS)]
    return {method: style_among(method, told, result.path) for method in methods}


def accuracy_by_shots(result: EvaluationResult, accuracy: ByShots, name: str, title: str) -> str:
    """Lines with 95 % bands over a doubling axis; methods that are not featured in grey.

    Of figures, names are unique in a page, and titles say in words what they are drawn for.
    """
    styles = {method: style_of(method, result) for method in result.methods}
    title = f"Accuracy by shots, {title}"
    return _by_shots(accuracy, styles, result, result.featured, name, title, "% correct")


def areas_by_shots(
    result: EvaluationResult, metric: str, styles: Mapping[str, MethodStyle], name: str, title: str
) -> str:
    """The same of an area under the curve, in %, of all methods that tell strangers."""
    found = result.strangers
    assert found is not None  # or there were no such figure
    of_methods = {method: styles[method] for method in found.methods}
    told = [method for method, style in of_methods.items() if style.marker]
    return _by_shots(result.quality[metric], of_methods, result, told, name, title, "AUROC, %")


def _by_shots(
    table: ByShots,
    styles: Mapping[str, MethodStyle],
    result: EvaluationResult,
    featured: Sequence[str],
    name: str,
    title: str,
    axis: str,
) -> str:
    shots = sorted({n_shot for found in table.values() for n_shot in found})
    told = f"{title}: " + "; ".join(
        f"{method} " + ", ".join(f"{100 * table[method][n].mean:.1f} %" for n in shots)
        for method in featured
        if all(n in table.get(method, {}) for n in shots)
    )
    with panel(name, told, height=300) as drawing:
        axes = drawing.axes
        for method in reversed(list(styles)):
            found = sorted(table.get(method, {}).items())
            style = styles[method]
            n_shots = np.array([n_shot for n_shot, _ in found])
            mean = np.array([100 * each.mean for _, each in found])
            half = np.array([100 * each.half for _, each in found])
            axes.plot(n_shots, mean, **style.line)
            if style.marker:
                alpha = 0.25 if method == result.reference else 0.08
                low, high = (mean - half).clip(0, 100), (mean + half).clip(0, 100)
                own = colour(style.variable)
                axes.fill_between(n_shots, low, high, color=own, alpha=alpha, lw=0)
                if len(n_shots) == 1:
                    axes.vlines(n_shots, low, high, color=own, linewidth=1)
        axes.set_xscale("log", base=2)
        axes.set_xticks(shots, labels=list(map(str, shots)))
        axes.minorticks_off()
        axes.set_xlabel("labelled pictures of each class")
        drawing.show_percentages(axis)
        return drawing.to_svg()


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
        path = {method: points[method] for method in result.path if method in points}
        times, percents = ([at[axis] for at in path.values()] for axis in (0, 1))
        axes.plot(times, percents, color=colour("muted"))
        last = 0.0
        for method, (time, percent) in path.items():
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
        for method, (time, percent) in points.items():
            axes.plot([time], [percent], **style_of(method, result).point)
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


def mean_ranks(result: EvaluationResult, ranks: Ranks, name: str) -> str:
    """A row a method, the best first; the band is what cannot be told from the reference.

    How far apart two ranks must be is Demšar's (2006).
    """
    methods = list(ranks.mean)
    told = "Mean ranks: " + "; ".join(f"{method} {rank:.1f}" for method, rank in ranks.mean.items())
    with panel(name, told, height=18 * len(methods) + 60) as drawing:
        axes = drawing.axes
        if (own := ranks.mean.get(result.reference)) is not None:
            low, high = own - ranks.critical_difference, own + ranks.critical_difference
            axes.axvspan(max(low, 1), min(high, len(methods)), color=colour("line"), alpha=0.5)
        for row, (method, rank) in enumerate(ranks.mean.items()):
            axes.plot([rank], [row], **style_of(method, result).point)
        axes.set_yticks(range(len(methods)), labels=list(map(short, methods)))
        axes.tick_params(axis="y", length=0, labelcolor=colour("ink"))
        axes.set_ylim(len(methods) - 0.5, -0.5)
        axes.set_xlim(0.5, len(methods) + 0.5)
        axes.set_xlabel("mean rank, 1 is best")
        return drawing.to_svg()


def reliability(bins: Sequence[Row], style: MethodStyle, name: str, title: str) -> str:
    """Fraction of correct answers against confidence; bars have that of all answers in each bin."""
    n = sum(each["n"] for each in bins)
    told = f"Reliability, {title}: " + "; ".join(
        f"confidence {each['confidence']:.2f}, correct {each['correct']:.2f}" for each in bins
    )
    with panel(name, told, height=230) as drawing:
        axes = drawing.axes
        confidence = [100 * each["confidence"] for each in bins]
        fractions = [100 * each["n"] / n for each in bins]
        axes.bar(confidence, fractions, width=5, color=colour("line"), zorder=2)
        axes.plot([0, 100], [0, 100], color=colour("muted"), linewidth=1, linestyle=(0, (2, 3)))
        axes.plot(confidence, [100 * each["correct"] for each in bins], **style.line)
        axes.set_xlim(0, 101)
        axes.set_ylim(0, 101)
        axes.set_xlabel("confidence, %")
        drawing.show_percentages()
        return drawing.to_svg()
