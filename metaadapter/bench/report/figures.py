"""Draws accuracy by shots, and reliability; a method looks the same in all figures of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from metaadapter.bench.report.evaluation_result import EvaluationResult
from metaadapter.bench.report.evaluation_run import ZERO_SHOT, ByShots, Row
from metaadapter.bench.report.panel import colour, panel

DOTTED: dict[str, Any] = {"color": colour("muted"), "linewidth": 1, "linestyle": (0, (2, 3))}
MARKERS = ("o", "s", "^", "D", "v", "P")


@dataclass(frozen=True, slots=True)
class MethodStyle:
    """The colour and the shape of a method in figures."""

    variable: str
    marker: str | None
    """None for a line without points."""
    dashed: bool = False
    is_named: bool = True
    """Whether the legend lists the method; if not, it is a grey line in the background."""

    @property
    def line(self) -> dict[str, Any]:
        """The arguments for matplotlib's `plot` of a line."""
        return {
            "color": colour(self.variable),
            "marker": self.marker,
            "markersize": 5,
            "linewidth": 1.8 if self.is_named else 0.9,
            "linestyle": (0, (4, 3)) if self.dashed else "-",
            "zorder": 3 if self.is_named else 2,
        }

    def alpha(self, is_reference: bool) -> float:
        """Return how strong a band is; 0 for a line without points."""
        return 0.0 if self.marker is None else 0.25 if is_reference else 0.08


def style_of(method: str, result: EvaluationResult) -> MethodStyle:
    """Return the style of a method; each featured method has a colour and a shape of its own."""
    if method in result.featured:
        number = result.featured.index(method)
        return MethodStyle(f"method-{number}", MARKERS[number])
    if method == ZERO_SHOT:
        return MethodStyle("ink", None, dashed=True)
    return MethodStyle("faint", None, is_named=False)


def accuracy_by_shots(result: EvaluationResult, accuracy: ByShots, name: str, title: str) -> Markup:
    """Draw accuracy against shots, with 95 % bands; `name` must be unique in a page."""
    shots = sorted({n_shot for estimates in accuracy.values() for n_shot in estimates})
    with panel(name, f"Accuracy by shots, {title}") as drawing:
        for method in reversed(result.methods):
            style = style_of(method, result)
            estimates = dict(sorted(accuracy.get(method, {}).items()))
            alpha = style.alpha(method == result.reference)
            drawing.draw(list(estimates), list(estimates.values()), style.line, alpha)
        drawing.use_doublings(shots)
        drawing.axes.set_xlabel("labelled pictures of each class")
        drawing.show_percentages()
        return drawing.to_svg()


def reliability(bins: Sequence[Row], style: MethodStyle, name: str, title: str) -> Markup:
    """Draw the fraction of correct answers against confidence; bars show the answers in a bin."""
    n = sum(row["n"] for row in bins)
    with panel(name, f"Reliability, {title}") as drawing:
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
