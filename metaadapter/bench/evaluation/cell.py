"""The smallest piece of work of an evaluation, its result, and how far its training is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from metaadapter.data.opened_files import OpenedFiles
from metaadapter.data.training_steps import reporting_steps

Tables = dict[str, dict[str, list[Any]]]
"""Name of a table → name of a column → values, as JSON keeps them."""
FILES = "files"
"""The table of the files that a method of the user opened, with the columns path and sha256."""
# Seconds between two reports of a cell.
EVERY = 1.0


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


class CellSteps(NamedTuple):
    """The steps of a cell's training that are done, out of `n_steps`; both 0 when a cell starts."""

    cell: Cell
    n_done: int
    n_steps: int
    seconds: float
    """Since the cell started."""
    seconds_left: float | None
    """Of the training, at its present speed; None as long as the speed is unknown."""


TellSteps = Callable[[CellSteps], None]


def tell_nobody(_steps: CellSteps) -> None:
    """Ignore the steps of a cell."""


@contextmanager
def reporting_cell_steps(
    cell: Cell, tell: TellSteps, now: Callable[[], float] = time.monotonic
) -> Iterator[None]:
    """Within the block, which measures a cell, tell how many steps are done, once a second.

    The cell may train several times; each training has a speed of its own.
    """
    started = reported_at = now()
    first, first_at, last = 0, started, 0
    tell(CellSteps(cell, 0, 0, 0.0, None))

    def tell_step(n_done: int, n_steps: int) -> None:
        nonlocal reported_at, first, first_at, last
        moment = now()
        if n_done <= last or not last:
            first, first_at = n_done, moment
        last = n_done
        if moment - reported_at >= EVERY:
            reported_at = moment
            left = None
            if n_done > first:
                left = (n_steps - n_done) * (moment - first_at) / (n_done - first)
            tell(CellSteps(cell, n_done, n_steps, moment - started, left))

    with reporting_steps(tell_step):
        yield
