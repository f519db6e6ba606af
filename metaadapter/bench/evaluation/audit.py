"""Measures random cells of a finished evaluation again, whoever measured them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import SystemRandom
from typing import Any

import numpy as np

from metaadapter.bench.evaluation.cell import FILES, Cell, CellResult, Tables
from metaadapter.bench.evaluation.integrity import Box, Status, some
from metaadapter.bench.evaluation.tables import COSTS

TOLERANCE = 1e-6


def audit_cells(
    results: Sequence[CellResult],
    n_cells: int,
    measure: Callable[[Sequence[Cell]], Iterable[tuple[Cell, Tables]]],
) -> Box:
    """Measure `n_cells` random cells of the results again, and compare all figures but the costs.

    The outcome has an entry only for the methods of these cells.
    """
    chosen = SystemRandom().sample(list(results), min(n_cells, len(results)))
    kept = {result.cell: result.tables for result in chosen}
    methods: dict[str, Status] = {}
    different = []
    for cell, tables in measure(list(kept)):
        is_equal = _figures_equal(kept[cell], tables)
        if not is_equal:
            before, now = (
                100 * np.nanmean(_numbers(t["rows"]["accuracy"])) for t in (kept[cell], tables)
            )
            different.append(
                f"{cell.method} on {cell.store}, {cell.n_shot} shot(s), seed {cell.seed} "
                f"(accuracy {before:.2f} % in the folder, {now:.2f} % now)"
            )
        if methods.get(cell.method) != "fail":
            methods[cell.method] = "pass" if is_equal else "fail"
    detail = f"{len(chosen)} of {len(results)} cells, chosen at random: "
    if different:
        detail += f"{len(different)} are different: {some(different)}; on another machine rounding "
        detail += "may change single answers"
    else:
        detail += "all figures are equal" if chosen else "none was measured before this run"
    status: Status = "fail" if different else "pass" if chosen else "unknown"
    return Box("cells measured again", status, detail, methods)


def _figures_equal(one: Tables, other: Tables) -> bool:
    names = {*one, *other} - {FILES}
    if not all(name in one and name in other for name in names):
        return False
    return all(
        column in other[name] and _equal(values, other[name][column])
        for name in names
        for column, values in one[name].items()
        if column not in COSTS
    )


def _equal(one: Sequence[Any], other: Sequence[Any]) -> bool:
    if len(one) != len(other) or any(isinstance(value, str) for value in one):
        return list(one) == list(other)
    return bool(
        np.allclose(_numbers(one), _numbers(other), rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
    )


def _numbers(values: Sequence[Any]) -> np.ndarray:
    return np.array(values, dtype=float)
