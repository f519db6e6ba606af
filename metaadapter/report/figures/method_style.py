"""How figures tell methods apart: the same colour and shape everywhere in a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from metaadapter.report.evaluation_result import EvaluationResult
from metaadapter.report.evaluation_run import ZERO_SHOT
from metaadapter.report.figures.panel import colour

__all__ = ["MethodStyle", "style_of"]

MARKERS = ("o", "s", "^", "D", "v", "P")


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


def style_of(method: str, result: EvaluationResult) -> MethodStyle:
    """The style of one of the methods."""
    if method in result.featured:
        number = result.featured.index(method)
        return MethodStyle(f"method-{number}", MARKERS[number])
    if method == ZERO_SHOT:
        return MethodStyle("ink", None, dashed=True)
    if method in result.path:
        return MethodStyle("muted", ".", is_named=False)
    return MethodStyle("faint", None, is_named=False)
