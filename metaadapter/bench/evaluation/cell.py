"""The smallest piece of work of an evaluation, and its result."""

from __future__ import annotations

from typing import Any, NamedTuple

Tables = dict[str, dict[str, list[Any]]]
"""Name of a table → name of a column → values, as a journal keeps them."""


class Cell(NamedTuple):
    """One method on one draw of a set at one number of shots; the key of its result."""

    method: str
    store: str
    """Name of the set, or of the sequence of sets."""
    n_shot: int
    seed: int


class CellResult(NamedTuple):
    """The figures of a cell, with the identities of the method and the code that gave them."""

    cell: Cell
    method: str
    """Identity of the method; "" if an earlier version measured the cell and recorded none."""
    bench: str
    """Identity of the code that measured the cell."""
    tables: Tables
