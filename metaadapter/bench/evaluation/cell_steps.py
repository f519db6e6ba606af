"""How far the training of a method is, within a cell."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from metaadapter.bench.evaluation.cell import Cell
from metaadapter.data.training_steps import reporting_steps

# Seconds between two reports of a cell.
EVERY = 1.0


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
