"""The figure of what a pool changes: a line a method over the bins of a property of pools."""

from __future__ import annotations

import numpy as np

from metaadapter.bench.report.evaluation_result import EvaluationResult, PoolGain
from metaadapter.bench.report.figures import style_of
from metaadapter.bench.report.panel import colour, panel
from metaadapter.bench.report.words import POOL_VARIABLES, pool_value, signed_points


def gain_by_pool(
    result: EvaluationResult, found: PoolGain, n_shot: int, name: str, title: str
) -> str:
    """Points of accuracy with 95 % bands; all numbers of shots have the same upright axis."""
    variable = POOL_VARIABLES[found.by]
    means = np.array([each.mean for each in found.bins])
    ticks = [pool_value(mean, found.by) for mean in means.tolist()]
    told = f"What the pool changes by {variable}, {title}: " + "; ".join(
        f"{method} "
        + ", ".join(
            f"{signed_points(each.gain[method][n_shot].mean)} at {tick}"
            for each, tick in zip(found.bins, ticks, strict=True)
        )
        for method in found.methods
    )
    with panel(name, told) as drawing:
        axes = drawing.axes
        axes.axhline(0, color=colour("muted"), linewidth=1, linestyle=(0, (2, 3)))
        for method in reversed(found.methods):
            style = style_of(method, result)
            gains = [each.gain[method][n_shot] for each in found.bins]
            mean = np.array([100 * each.mean for each in gains])
            half = np.array([100 * each.half for each in gains])
            axes.plot(means, mean, **style.point)
            alpha = 0.25 if method == result.reference else 0.12
            own = colour(style.variable)
            axes.fill_between(means, mean - half, mean + half, color=own, alpha=alpha, lw=0)
        if found.by == "size" and means.min() > 0:
            axes.set_xscale("log", base=2)
            axes.minorticks_off()
        axes.set_xticks(means, labels=ticks)
        axes.set_xlabel(variable)
        axes.set_ylim(*_limits(found))
        axes.set_title("points", loc="left")
        return drawing.to_svg()


def _limits(found: PoolGain) -> tuple[float, float]:
    """In points, of all methods and numbers of shots, zero among them, with a little room."""
    estimates = [
        estimate for each in found.bins for of in each.gain.values() for estimate in of.values()
    ]
    low = 100 * min(0.0, *(each.mean - each.half for each in estimates))
    high = 100 * max(0.0, *(each.mean + each.half for each in estimates))
    room = max(0.05 * (high - low), 0.5)
    return low - room, high + room
