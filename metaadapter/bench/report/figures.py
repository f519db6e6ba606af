"""Draws the figures of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from metaadapter.bench.evaluation.summary import Ranks
from metaadapter.bench.report.evaluation_result import EvaluationResult
from metaadapter.bench.report.evaluation_run import ByShots, Row
from metaadapter.bench.report.method_style import MethodStyle, style_of
from metaadapter.bench.report.names_axis import NamesAxis
from metaadapter.bench.report.panel import colour, panel
from metaadapter.bench.report.pool_gain import PoolGain
from metaadapter.bench.report.words import POOL_VARIABLES, pool_value, short, signed_points

POINTS_SHOWN = 12
"""Methods that are more points below the best are left out, so that the others have room."""
# If two times have a smaller ratio, only the first point has a label.
LEAST_RATIO = 1.3


def accuracy_by_shots(result: EvaluationResult, accuracy: ByShots, name: str, title: str) -> Markup:
    """Draw accuracy against shots, with 95 % bands; `name` must be unique in a page."""
    styles = {method: style_of(method, result) for method in result.methods}
    title = f"Accuracy by shots, {title}"
    return _by_shots(accuracy, styles, result, result.featured, name, title, "% correct")


def accuracy_by_names(
    result: EvaluationResult, axis: NamesAxis, n_shot: int, name: str, title: str
) -> Markup:
    """Draw accuracy against that of the names alone; a dotted line is the best peer of each."""
    levels = sorted(axis.levels, key=lambda level: axis.zero_shot[level])
    names_alone = [100 * axis.zero_shot[level] for level in levels]
    best = [100 * axis.best[level][n_shot].of_peer for level in levels]
    own = [100 * axis.best[level][n_shot].reference for level in levels]
    description = f"Accuracy by names, {title}: " + "; ".join(
        f"zero-shot {alone:.1f} %, {result.reference} {mean:.1f} %, best peer {peer:.1f} %"
        for alone, mean, peer in zip(names_alone, own, best, strict=True)
    )
    with panel(name, description, height=300) as drawing:
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


def areas_by_shots(
    result: EvaluationResult, metric: str, styles: Mapping[str, MethodStyle], name: str, title: str
) -> Markup:
    """Draw an area under the ROC curve, in %, against shots, for methods measured on strangers."""
    assert result.strangers is not None
    of_methods = {method: styles[method] for method in result.strangers.methods}
    marked = [method for method, style in of_methods.items() if style.marker]
    return _by_shots(result.quality[metric], of_methods, result, marked, name, title, "AUROC, %")


def _by_shots(
    table: ByShots,
    styles: Mapping[str, MethodStyle],
    result: EvaluationResult,
    featured: Sequence[str],
    name: str,
    title: str,
    axis: str,
) -> Markup:
    shots = sorted({n_shot for estimates in table.values() for n_shot in estimates})
    description = f"{title}: " + "; ".join(
        f"{method} " + ", ".join(f"{100 * table[method][n].mean:.1f} %" for n in shots)
        for method in featured
        if all(n in table.get(method, {}) for n in shots)
    )
    with panel(name, description, height=300) as drawing:
        axes = drawing.axes
        for method in reversed(list(styles)):
            estimates, style = dict(sorted(table.get(method, {}).items())), styles[method]
            alpha = style.alpha(method == result.reference)
            drawing.draw(list(estimates), list(estimates.values()), style.line, alpha)
        axes.set_xscale("log", base=2)
        axes.set_xticks(shots, labels=list(map(str, shots)))
        axes.minorticks_off()
        axes.set_xlabel("labelled pictures of each class")
        drawing.show_percentages(axis)
        return drawing.to_svg()


def accuracy_by_time(
    result: EvaluationResult, accuracy: ByShots, n_shot: int, name: str, title: str
) -> tuple[Markup, list[str]]:
    """Draw accuracy against time; also return the methods too far below the best to be drawn."""
    measured = {
        method: (1000 * result.seconds[method][n_shot], 100 * accuracy[method][n_shot].mean)
        for method in reversed(result.methods)
        if n_shot in accuracy.get(method, {}) and result.seconds[method][n_shot] > 0
    }
    best = max((percent for _, percent in measured.values()), default=0.0)
    points = {name: point for name, point in measured.items() if point[1] > best - POINTS_SHOWN}
    description = f"Accuracy by time, {title}: " + "; ".join(
        f"{method} {percent:.1f} % in {time:.3g} ms" for method, (time, percent) in points.items()
    )
    with panel(name, description) as drawing:
        from matplotlib.ticker import LogLocator, NullFormatter

        axes = drawing.axes
        path = {method: points[method] for method in result.path if method in points}
        times, percents = ([point[axis] for point in path.values()] for axis in (0, 1))
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
            # Within two decades, powers of ten would give one tick or none.
            steps = (1, 2, 5) if max(times) < 100 * min(times) else (1,)
            axes.xaxis.set_major_locator(LogLocator(subs=steps))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("milliseconds to fit and answer a task")
        drawing.show_percentages()
        below = [name for name in result.methods if name in measured and name not in points]
        return drawing.to_svg(), below


def mean_ranks(result: EvaluationResult, ranks: Ranks, name: str) -> Markup:
    """Draw mean ranks, the best first, with the critical difference (Demšar, 2006) as a band.

    A line at the right joins methods that the test does not tell apart.
    """
    methods = list(ranks.mean)
    description = "Mean ranks: " + "; ".join(
        f"{method} {rank:.1f}" for method, rank in ranks.mean.items()
    )
    with panel(name, description, height=18 * len(methods) + 60) as drawing:
        axes = drawing.axes
        if (centre := ranks.mean.get(result.reference)) is not None:
            low, high = centre - ranks.critical_difference, centre + ranks.critical_difference
            axes.axvspan(max(low, 1), min(high, len(methods)), color=colour("line"), alpha=0.5)
        for row, (method, rank) in enumerate(ranks.mean.items()):
            axes.plot([rank], [row], **style_of(method, result).point)
        axes.set_yticks(range(len(methods)), labels=list(map(short, methods)))
        axes.tick_params(axis="y", length=0, labelcolor=colour("ink"))
        alike = cliques(list(ranks.mean.values()), ranks.critical_difference)
        for number, (first, last) in enumerate(alike):
            place = len(methods) + 0.8 + 0.3 * number
            axes.plot([place, place], [first, last], color=colour("muted"), linewidth=2.5)
        axes.set_ylim(len(methods) - 0.5, -0.5)
        axes.set_xlim(0.5, len(methods) + 0.6 + 0.3 * len(alike))
        axes.set_xticks([tick for tick in axes.get_xticks() if 1 <= tick <= len(methods)])
        axes.set_xlabel("mean rank, 1 is best")
        return drawing.to_svg()


def cliques(ranks: Sequence[float], difference: float) -> list[tuple[int, int]]:
    """Return (first, last) of the largest groups of two or more within a critical difference.

    The ranks ascend. No group is within another one (Demšar, 2006).
    """
    groups: list[tuple[int, int]] = []
    for first, rank in enumerate(ranks):
        last = max(place for place, other in enumerate(ranks) if other - rank <= difference)
        if last > first and not (groups and last <= groups[-1][1]):
            groups.append((first, last))
    return groups


def reliability(bins: Sequence[Row], style: MethodStyle, name: str, title: str) -> Markup:
    """Draw the fraction of correct answers against confidence; bars show the answers in a bin."""
    n = sum(row["n"] for row in bins)
    description = f"Reliability, {title}: " + "; ".join(
        f"confidence {row['confidence']:.2f}, correct {row['correct']:.2f}" for row in bins
    )
    with panel(name, description, height=230) as drawing:
        axes = drawing.axes
        confidence = [100 * row["confidence"] for row in bins]
        fractions = [100 * row["n"] / n for row in bins]
        axes.bar(confidence, fractions, width=5, color=colour("line"), zorder=2)
        axes.plot([0, 100], [0, 100], color=colour("muted"), linewidth=1, linestyle=(0, (2, 3)))
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
    variable = POOL_VARIABLES[pool_gain.by]
    means = [bin.mean for bin in pool_gain.bins]
    ticks = [pool_value(mean, pool_gain.by) for mean in means]
    description = f"Gain from the pool by {variable}, {title}: " + "; ".join(
        f"{method} "
        + ", ".join(
            f"{signed_points(bin.gain[method][n_shot].mean)} at {tick}"
            for bin, tick in zip(pool_gain.bins, ticks, strict=True)
        )
        for method in pool_gain.methods
    )
    with panel(name, description) as drawing:
        axes = drawing.axes
        axes.axhline(0, color=colour("muted"), linewidth=1, linestyle=(0, (2, 3)))
        for method in reversed(pool_gain.methods):
            gains = [bin.gain[method][n_shot] for bin in pool_gain.bins]
            alpha = 0.25 if method == result.reference else 0.12
            drawing.draw(means, gains, style_of(method, result).point, alpha, (-100, 100))
        if pool_gain.by == "size" and min(means) > 0:
            axes.set_xscale("log", base=2)
            axes.minorticks_off()
        axes.set_xticks(means, labels=ticks)
        axes.set_xlabel(variable)
        axes.set_ylim(*_limits_of_gains(pool_gain))
        axes.set_title("points", loc="left")
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
