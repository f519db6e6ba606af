"""Whether confidence can be taken at its word."""

from __future__ import annotations

from collections.abc import Sequence

from metaadapter.report.evaluation_result import Row
from metaadapter.report.figures.method_style import MethodStyle
from metaadapter.report.figures.panel import colour, panel

__all__ = ["reliability"]


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
