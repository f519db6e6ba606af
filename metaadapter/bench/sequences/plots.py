"""The curves of a continual evaluation: a line for each learner over the number of tasks."""

from __future__ import annotations

import numpy as np

from metaadapter.bench.report.figures import style_among
from metaadapter.bench.report.panel import colour, panel
from metaadapter.bench.sequences.result import ContinualResult, Curve


def accuracy_by_tasks(
    result: ContinualResult, curve: Curve, n_shot: int, name: str, title: str
) -> str:
    """Lines with 95 % bands; learners that are not featured are grey.

    The name is unique on a page, and the title describes the plot.
    """
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
