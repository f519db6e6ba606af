"""The progress within a cell of an evaluation, which may train for minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from metaadapter.apps.cli.console import Console, Count
    from metaadapter.bench.evaluation.cell import Cell, CellSteps

MINUTE = 60.0


@final
class CellProgress:
    """Shows the steps of a cell on the bar of the evaluation, and notes how long a cell takes.

    Without a terminal there is no bar, so that a long cell is noted every minute.
    """

    def __init__(self, console: Console, count: Count) -> None:
        self._console, self._count = console, count
        self._noted: set[tuple[str, str, int]] = set()
        self._noted_at: dict[Cell, float] = {}

    def __call__(self, steps: CellSteps) -> None:
        """Show how far a cell is."""
        method, store, n_shot, seed = steps.cell
        name = f"{method} on {store}, {n_shot} shot(s)"
        place = f"step {steps.n_done} of {steps.n_steps}" if steps.n_steps else ""
        self._count.describe(f"measuring {name}" + (f": {place}" if place else ""))
        left = steps.seconds_left or 0.0
        if left >= MINUTE and (method, store, n_shot) not in self._noted:
            self._noted.add((method, store, n_shot))
            self._noted_at[steps.cell] = steps.seconds
            self._console.note(
                f"{name}: the {steps.n_steps} steps of one draw take about {_minutes(left)} more. "
                "Ctrl-C keeps the finished cells, and the same command continues. To leave "
                f"{method} out, name the other methods in --methods, with another --out"
            )
        elif not self._console.stderr.is_terminal:
            noted_at = self._noted_at.setdefault(steps.cell, 0.0)
            if place and steps.seconds - noted_at >= MINUTE:
                self._noted_at[steps.cell] = steps.seconds
                self._console.note(f"{name}, seed {seed}: {place}, about {_minutes(left)} left")


def _minutes(seconds: float) -> str:
    """Return a duration of half a minute or more as whole minutes, a shorter one in seconds."""
    minutes = round(seconds / MINUTE)
    if not minutes:
        return f"{seconds:.0f} seconds"
    return "1 minute" if minutes == 1 else f"{minutes:,} minutes"
