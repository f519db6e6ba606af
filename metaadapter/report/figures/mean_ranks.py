"""Mean ranks, and how far apart two must be (Demšar, 2006)."""

from __future__ import annotations

from metaadapter.evaluation.ranks import Ranks
from metaadapter.report.evaluation_result import EvaluationResult
from metaadapter.report.figures.method_style import style_of
from metaadapter.report.figures.panel import colour, panel
from metaadapter.report.words import short

__all__ = ["mean_ranks"]


def mean_ranks(result: EvaluationResult, ranks: Ranks, name: str) -> str:
    """A row a method, the best first; the band is what cannot be told from the reference."""
    methods = list(ranks.mean)
    told = "Mean ranks: " + "; ".join(f"{method} {rank:.1f}" for method, rank in ranks.mean.items())
    with panel(name, told, height=18 * len(methods) + 60) as drawing:
        axes = drawing.axes
        own = ranks.mean.get(result.reference)
        if own is not None and ranks.critical_difference is not None:
            low, high = own - ranks.critical_difference, own + ranks.critical_difference
            axes.axvspan(max(low, 1), min(high, len(methods)), color=colour("line"), alpha=0.5)
        for row, (method, rank) in enumerate(ranks.mean.items()):
            style = style_of(method, result)
            axes.plot([rank], [row], **{**style.line, "marker": style.marker or "o"})
        axes.set_yticks(range(len(methods)), labels=list(map(short, methods)))
        axes.tick_params(axis="y", length=0, labelcolor=colour("ink"))
        axes.set_ylim(len(methods) - 0.5, -0.5)
        axes.set_xlim(0.5, len(methods) + 0.5)
        axes.set_xlabel("mean rank, 1 is best")
        return drawing.to_svg()
