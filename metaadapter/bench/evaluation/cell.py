"""The smallest piece of work of an evaluation, and its result."""

from __future__ import annotations

from typing import Any, NamedTuple

from metaadapter.data.user_code import OpenedFiles

Tables = dict[str, dict[str, list[Any]]]
"""Name of a table → name of a column → values, as JSON keeps them."""
FILES = "files"
"""The table of the files that a method of the user opened, with the columns path and sha256."""


class Cell(NamedTuple):
    """One method on one draw of a set at one number of shots; the key of its result."""

    method: str
    store: str
    """Name of the set, or of the sequence of sets."""
    n_shot: int
    seed: int

    def __str__(self) -> str:
        return f"{self.method} on {self.store}, {self.n_shot} shot(s), seed {self.seed}"


class CellResult(NamedTuple):
    """The figures of a cell, with the identities of the method and the code that gave them."""

    cell: Cell
    method: str
    """Identity of the method."""
    bench: str
    """Identity of the code that measured the cell."""
    tables: Tables

    @property
    def files(self) -> dict[str, str]:
        """Path → SHA-256 of the files that the method opened; empty for other code than a user's.

        A method may open a file once and remember it: the file is listed in all later cells of the
        same process, too.
        """
        files = self.tables.get(FILES, {"path": [], "sha256": []})
        return dict(zip(files["path"], files["sha256"], strict=True))


def with_files(tables: Tables, opened: OpenedFiles | None) -> Tables:
    """Return the tables of a cell, with that of the files that its method has opened."""
    if opened is None:
        return tables
    hashes = opened.hashes()
    return {**tables, FILES: {"path": [*hashes], "sha256": [*hashes.values()]}}
