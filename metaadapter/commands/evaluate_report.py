"""The result of `metaadapter evaluate`, as text for a terminal and for Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from metaadapter.evaluation.markdown_table import markdown_table
from metaadapter.evaluation.summary import MEAN, Figure

if TYPE_CHECKING:
    from metaadapter.evaluation import Evaluation

__all__ = ["report"]


def report(found: Evaluation) -> str:
    """Accuracy by shots, differences to the reference, ranks and integrity."""
    n_cells = len(found.config.cells())
    parts = [f"{found.folder}: {n_cells} cells, {found.n_measured} of them measured now"]
    for part, told in _parts(found):
        store = MEAN if len(found.config.set_names) > 1 else found.config.set_names[0]
        parts += _section(f"Accuracy in %, {store}{told}", found.means, store, part)
        title = f"Difference to {found.config.reference_name} in points{told}"
        parts += _section(title, found.differences, store, part, signed=True)
    parts += ["", *_ranks(found)]
    parts += [f"{box.status}: {box.name}: {box.detail}" for box in found.boxes]
    return "\n".join(parts)


def _section(
    title: str, figures: Sequence[Figure], store: str, part: str, *, signed: bool = False
) -> list[str]:
    shown = [
        each
        for each in figures
        if (each.store, each.part, each.metric) == (store, part, "accuracy")
    ]
    if not shown:
        return []
    shots = sorted({each.n_shot for each in shown})
    cells = {(each.method, each.n_shot): _cell(each, signed=signed) for each in shown}
    rows = {
        method: [cells.get((method, n_shot), "") for n_shot in shots]
        for method in dict.fromkeys(each.method for each in shown)
    }
    return ["", f"{title}:", "", _aligned({"shots": [str(n) for n in shots]} | rows)]


def _cell(figure: Figure, *, signed: bool) -> str:
    mean, half = 100 * figure.estimate.mean, 100 * figure.estimate.half
    value = f"{mean:+.2f}" if signed else f"{mean:.1f}"
    return value if math.isnan(half) else f"{value} ± {half:.{2 if signed else 1}f}"


def _aligned(rows: dict[str, list[str]]) -> str:
    """A Markdown table that a terminal shows in columns too."""
    table = [[name, *cells] for name, cells in rows.items()]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    padded = {
        name.ljust(widths[0]): [
            cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)
        ]
        for name, cells in rows.items()
    }
    return markdown_table(padded)


def _parts(found: Evaluation) -> list[tuple[str, str]]:
    """The parts that were judged, and what a title says of each."""
    told = {"all": "", "harmonic": ", harmonic mean of base and new classes"}
    parts = dict.fromkeys(figure.part for figure in found.means)
    return [(part, told.get(part, f", {part} classes")) for part in parts]


def _ranks(found: Evaluation) -> list[str]:
    lines = []
    for part, told in _parts(found):
        ranks = found.ranks.get(part)
        if ranks is None:
            continue
        listed = ", ".join(f"{method} {rank:.1f}" for method, rank in ranks.mean.items())
        lines.append(
            f"Mean ranks over {ranks.n_blocks} sets and shots{told} (critical difference "
            f"{ranks.critical_difference:.1f}): {listed}"
        )
    return [*lines, ""] if lines else []
