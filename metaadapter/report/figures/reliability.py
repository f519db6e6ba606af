"""Whether confidence can be taken at its word."""

from __future__ import annotations

from collections.abc import Sequence

from metaadapter.report.evaluation_result import ReliabilityBin
from metaadapter.report.figures.method_style import MethodStyle
from metaadapter.report.figures.panel import colour, panel

__all__ = ["reliability"]


def reliability(bins: Sequence[ReliabilityBin], style: MethodStyle, name: str, of: str) -> str:
    """Share of right answers against confidence; bars have the share of answers in each bin."""
    n = sum(each.n for each in bins)
    told = f"Reliability, {of}: " + "; ".join(
        f"confidence {each.confidence:.2f}, right {each.right:.2f}" for each in bins
    )
    with panel(name, told, height=230) as drawing:
        axes = drawing.axes
        confidence = [100 * each.confidence for each in bins]
        shares = [100 * each.n / n for each in bins]
        axes.bar(confidence, shares, width=5, color=colour("line"), zorder=2)
        axes.plot([0, 100], [0, 100], color=colour("muted"), linewidth=1, linestyle=(0, (2, 3)))
        axes.plot(confidence, [100 * each.right for each in bins], **style.line)
        axes.set_xlim(0, 101)
        axes.set_ylim(0, 101)
        axes.set_xlabel("confidence, %")
        drawing.show_percentages()
        return drawing.to_svg()
