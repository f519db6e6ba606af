"""Draws the figures of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from metaadapter.bench.evaluation.summary import Ranks
from metaadapter.bench.report.evaluation_result import EvaluationResult
from metaadapter.bench.report.evaluation_run import ByShots, Row
from metaadapter.bench.report.method_style import MethodStyle, style_of
from metaadapter.bench.report.names_axis import NamesAxis
from metaadapter.bench.report.panel import colour, panel
from metaadapter.bench.report.pool_gain import PoolGain
from metaadapter.bench.report.words import POOL_VARIABLES, pool_value, short

POINTS_SHOWN = 12
"""Methods that are more points below the best are left out, so that the others have room."""
DOTTED: dict[str, Any] = {"color": colour("muted"), "linewidth": 1, "linestyle": (0, (2, 3))}


def accuracy_by_shots(result: EvaluationResult, accuracy: ByShots, name: str, title: str) -> Markup:
    """Draw accuracy against shots, with 95 % bands; `name` must be unique in a page."""
    styles = {method: style_of(method, result) for method in result.methods}
    return _by_shots(accuracy, styles, result, name, f"Accuracy by shots, {title}", "% correct")


def areas_by_shots(
    result: EvaluationResult, metric: str, styles: Mapping[str, MethodStyle], name: str, title: str
) -> Markup:
    """Draw an area under the ROC curve, in %, against shots, for methods measured on strangers."""
    assert result.strangers is not None
    of_methods = {method: styles[method] for method in result.strangers.methods}
    return _by_shots(result.quality[metric], of_methods, result, name, title, "AUROC, %")


def _by_shots(
    table: ByShots,
    styles: Mapping[str, MethodStyle],
    result: EvaluationResult,
    name: str,
    title: str,
    axis: str,
) -> Markup:
    shots = sorted({n_shot for estimates in table.values() for n_shot in estimates})
    with panel(name, title, height=300) as drawing:
        for method, style in reversed(list(styles.items())):
            estimates = dict(sorted(table.get(method, {}).items()))
            alpha = style.alpha(method == result.reference)
            drawing.draw(list(estimates), list(estimates.values()), style.line, alpha)
        drawing.use_doublings(shots, list(map(str, shots)))
        drawing.axes.set_xlabel("labelled pictures of each class")
        drawing.show_percentages(axis)
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


def accuracy_by_time(
    result: EvaluationResult, accuracy: ByShots, n_shot: int, name: str, title: str
) -> tuple[Markup, list[str]]:
    """Draw accuracy against time; also return the methods too far below the best to be drawn."""
    measured = {
        method: (1000 * result.seconds[method][n_shot], 100 * accuracy[method][n_shot].mean)
        for method in result.methods
        if n_shot in accuracy.get(method, {}) and result.seconds[method][n_shot] > 0
    }
    best = max((percent for _, percent in measured.values()), default=0.0)
    points = {name: point for name, point in measured.items() if point[1] > best - POINTS_SHOWN}
    with panel(name, f"Accuracy by time, {title}") as drawing:
        axes = drawing.axes
        path = [points[method] for method in result.path if method in points]
        axes.plot(
            [time for time, _ in path], [percent for _, percent in path], color=colour("muted")
        )
        for method, (time, percent) in reversed(list(points.items())):
            axes.plot([time], [percent], **style_of(method, result).point)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("milliseconds to fit and answer a task")
        drawing.show_percentages()
        return drawing.to_svg(), [method for method in measured if method not in points]


def mean_ranks(result: EvaluationResult, ranks: Ranks, name: str) -> Markup:
    """Draw mean ranks, the best first, with the critical difference (Demšar, 2006) as a band."""
    methods = list(ranks.mean)
    with panel(name, "Mean ranks", height=18 * len(methods) + 60) as drawing:
        axes = drawing.axes
        if (centre := ranks.mean.get(result.reference)) is not None:
            low, high = centre - ranks.critical_difference, centre + ranks.critical_difference
            axes.axvspan(max(low, 1), min(high, len(methods)), color=colour("line"), alpha=0.5)
        for row, (method, rank) in enumerate(ranks.mean.items()):
            axes.plot([rank], [row], **style_of(method, result).point)
        axes.set_yticks(range(len(methods)), labels=list(map(short, methods)))
        axes.tick_params(axis="y", length=0, labelcolor=colour("ink"))
        axes.set_ylim(len(methods) - 0.5, -0.5)
        axes.set_xlim(0.5, len(methods) + 0.5)
        axes.set_xlabel("mean rank, 1 is best")
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


def gain_by_pool(
    result: EvaluationResult, pool_gain: PoolGain, n_shot: int, name: str, title: str
) -> Markup:
    """Draw the gain from the pool with 95 % bands, on the same axis for all numbers of shots."""
    means = [bin.mean for bin in pool_gain.bins]
    with panel(name, f"Gain from the pool, {title}") as drawing:
        drawing.axes.axhline(0, **DOTTED)
        for method in reversed(pool_gain.methods):
            gains = [bin.gain[method][n_shot] for bin in pool_gain.bins]
            alpha = 0.25 if method == result.reference else 0.12
            drawing.draw(means, gains, style_of(method, result).point, alpha, (-100, 100))
        ticks = [pool_value(mean, pool_gain.by) for mean in means]
        if pool_gain.by == "size" and min(means) > 0:
            drawing.use_doublings(means, ticks)
        else:
            drawing.axes.set_xticks(means, labels=ticks)
        drawing.axes.set_xlabel(POOL_VARIABLES[pool_gain.by])
        drawing.axes.set_ylim(*_limits_of_gains(pool_gain))
        drawing.axes.set_title("points", loc="left")
        return drawing.to_svg()


def _limits_of_gains(pool_gain: PoolGain) -> tuple[float, float]:
    """Return the limits, in points, of an axis that shows zero and all gains, with a margin."""
    gains = [
        gain
        for bin in pool_gain.bins
        for by_shots in bin.gain.values()
        for gain in by_shots.values()
    ]
    low = 100 * min(0.0, *(gain.mean - gain.half for gain in gains))
    high = 100 * max(0.0, *(gain.mean + gain.half for gain in gains))
    margin = max(0.05 * (high - low), 0.5)
    return low - margin, high + margin
