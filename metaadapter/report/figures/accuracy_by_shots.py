"""Accuracy against the number of labelled pictures."""

from __future__ import annotations

import numpy as np

from metaadapter.report.evaluation_result import ByShots, EvaluationResult
from metaadapter.report.figures.method_style import style_of
from metaadapter.report.figures.panel import panel

__all__ = ["accuracy_by_shots"]


def accuracy_by_shots(result: EvaluationResult, accuracy: ByShots, name: str, title: str) -> str:
    """Lines with 95 % bands over a doubling axis; methods that are not featured in grey.

    Args:
        result: The whole, for colours and order.
        accuracy: What is drawn.
        name: The figure's name, unique in its page.
        title: What it is drawn for, in words.
    """
    shots = sorted({n_shot for found in accuracy.values() for n_shot in found})
    told = f"Accuracy by shots, {title}: " + "; ".join(
        f"{method} " + ", ".join(f"{100 * accuracy[method][n].mean:.1f} %" for n in shots)
        for method in result.featured
        if all(n in accuracy.get(method, {}) for n in shots)
    )
    with panel(name, told, height=300) as drawing:
        axes = drawing.axes
        for method in reversed(result.methods):
            found = sorted(accuracy.get(method, {}).items())
            style = style_of(method, result)
            n_shots = np.array([n_shot for n_shot, _ in found])
            mean = np.array([100 * each.mean for _, each in found])
            half = np.array([100 * each.half for _, each in found])
            axes.plot(n_shots, mean, **style.line)
            if style.marker:
                alpha = 0.25 if method == result.reference else 0.08
                low, high = (mean - half).clip(0, 100), (mean + half).clip(0, 100)
                colour = style.line["color"]
                axes.fill_between(n_shots, low, high, color=colour, alpha=alpha, lw=0)
                if len(n_shots) == 1:
                    axes.vlines(n_shots, low, high, color=colour, linewidth=1)
        axes.set_xscale("log", base=2)
        axes.set_xticks(shots, labels=[str(n_shot) for n_shot in shots])
        axes.minorticks_off()
        axes.set_xlabel("labelled pictures of each class")
        drawing.show_percentages()
        return drawing.to_svg()
