"""Which classes are taken for which."""

from __future__ import annotations

from metaadapter.report.evaluation_result import SetFound
from metaadapter.report.figures.panel import colour, panel
from metaadapter.report.words import short

__all__ = ["confusion"]

PIXELS_A_CLASS = 13


def confusion(found: SetFound, name: str) -> str:
    """A row a true class, a column a class that it was called, darker for a larger share."""
    from matplotlib.patches import Rectangle

    told = f"Confusion matrix of {found.name}: " + "; ".join(
        f"{found.names[each.true]} called {found.names[each.called]} in {each.n} of {each.n_true}"
        for each in found.confusions
    )
    names = [short(found.names[label]) for label in found.classes]
    n = len(names)
    with panel(name, told, height=max(200, PIXELS_A_CLASS * n + 90)) as drawing:
        axes = drawing.axes
        for row, (counts, total) in enumerate(zip(found.counts, found.n_true, strict=True)):
            for column, count in enumerate(counts):
                if count:
                    variable = "right" if row == column else "wrong"
                    axes.add_patch(
                        Rectangle(
                            (column - 0.5, row - 0.5),
                            *(1, 1),
                            facecolor=colour(variable),
                            alpha=_strength(count / total),
                            linewidth=0,
                        )
                    )
        axes.set_xlim(-0.5, n - 0.5)
        axes.set_ylim(n - 0.5, -0.5)
        axes.set_aspect("equal")
        axes.grid(visible=False)
        axes.tick_params(length=0, labelsize=11 if n <= PIXELS_A_CLASS else 10)
        axes.set_xticks(range(n), labels=names, rotation=90)
        axes.set_yticks(range(n), labels=names)
        return drawing.to_svg()


def _strength(share: float) -> float:
    """The square root, so that a twentieth can be seen beside nine tenths."""
    return float(share**0.5)
