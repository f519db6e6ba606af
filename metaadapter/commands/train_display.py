"""What a person sees while a generator is trained."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, final

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from metaadapter.commands.console import say

if TYPE_CHECKING:
    from metaadapter.training import Moment, Validation

__all__ = ["TrainingDisplay"]


@final
class TrainingDisplay:
    """A table on a terminal; where stderr is none, one line for each validation.

    Args:
        n_steps: The number of steps of the whole run.
    """

    def __init__(self, n_steps: int) -> None:
        self._console = Console(stderr=True)
        self._has_lines = False
        self._n_steps = n_steps
        self._started = time.monotonic()
        self._first: Moment | None = None
        self._latest: Moment | None = None
        self._validation: Validation | None = None

    def shown(self, *, silent: bool) -> AbstractContextManager[Any]:
        """Keep it up to date while the block runs; a silent one shows nothing but what is said."""
        if self._console.is_terminal and not silent:
            return Live(get_renderable=self._table, console=self._console, refresh_per_second=4)
        self._has_lines = not silent
        return nullcontext()

    def say(self, text: str) -> None:
        """Other words for whoever watches."""
        say(self._console, text)

    def tell(self, moment: Moment) -> None:
        """Take what the run tells."""
        self._first = self._first or moment
        self._latest = moment
        self._validation = moment.validation or self._validation
        if self._has_lines and moment.validation:
            self.say(self._line(moment, moment.validation))

    def _line(self, moment: Moment, validation: Validation) -> str:
        """The step, its loss, the validation, speed and time left, in one line."""
        parts = [f"step {moment.step} of {self._n_steps}"]
        if moment.terms:
            terms = ", ".join(f"{name} {term:.3f}" for name, term in moment.terms.items())
            parts.append(f"loss {terms}")
        by_shots = ", ".join(f"{n}: {each:.1%}" for n, each in validation.by_shots.items())
        parts.append(
            f"validation loss {validation.mean_loss:.3f}, accuracy "
            f"{validation.mean_accuracy:.1%} (by shots {by_shots})"
        )
        return "; ".join([*parts, *self._speed(moment)])

    def _table(self) -> Table:
        """Progress, loss terms, validation by shots, speed."""
        table = Table.grid(padding=(0, 2))
        if (moment := self._latest) is None or self._first is None:
            table.add_row("reading the feature stores and validating the untrained generator …")
            return table
        step = f"{moment.step} of {self._n_steps}"
        table.add_row("step", step, ProgressBar(self._n_steps, moment.step, width=30))
        for name, term in moment.terms.items():
            table.add_row(f"loss {name}", f"{term:.3f}")
        if self._validation:
            before = self._first.validation if self._first.step == 0 else None
            table.add_row("validation loss", f"{self._validation.mean_loss:.3f}")
            for n_shot, accuracy in self._validation.by_shots.items():
                gain = 100 * (accuracy - before.by_shots[n_shot]) if before else None
                told = "" if gain is None else f"{gain:+.1f} points since step 0"
                table.add_row(f"{n_shot} shot(s)", f"{accuracy:.1%}", told)
        for part in self._speed(moment):
            table.add_row("", part)
        if moment.n_skipped:
            table.add_row("", f"{moment.n_skipped} step(s) skipped: not finite")
        return table

    def _speed(self, moment: Moment) -> list[str]:
        """Tasks a second, and time left; nothing before the first step."""
        if moment.step == 0 or self._first is None:
            return []
        n_done = moment.step - max(0, self._first.step - 1)
        each = (time.monotonic() - self._started) / n_done
        left = int(each * (self._n_steps - moment.step))
        return [f"{moment.tasks_per_second:,.0f} tasks/s, {left // 60}:{left % 60:02} left"]
