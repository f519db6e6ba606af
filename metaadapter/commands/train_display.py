"""What a person sees while a generator is trained."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, final

from rich.console import Console as RichConsole
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

if TYPE_CHECKING:
    from metaadapter.training import Moment, Validation

__all__ = ["training_display"]


class Display(NamedTuple):
    """What a run tells, and other words for whoever watches it."""

    tell: Callable[[Moment], None]
    say: Callable[[str], None]


@contextmanager
def training_display(n_steps: int, *, silent: bool) -> Iterator[Display]:
    """Keep a table on the terminal up to date while the block runs.

    Where stderr is no terminal there is one line for each validation instead.

    Args:
        n_steps: The number of steps of the whole run.
        silent: Show nothing but what is said.
    """
    console = RichConsole(stderr=True)
    view = _View(n_steps)

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    def write(moment: Moment) -> None:
        view.take(moment)
        if moment.validation:
            say(view.line())

    if silent:
        yield Display(view.take, say)
    elif not console.is_terminal:
        yield Display(write, say)
    else:
        with Live(get_renderable=view.table, console=console, refresh_per_second=4):
            yield Display(view.take, say)


@final
class _View:
    """The latest of everything."""

    def __init__(self, n_steps: int) -> None:
        self._n_steps = n_steps
        self._started = time.monotonic()
        self._first_step: int | None = None
        self._moment: Moment | None = None
        self._validation: Validation | None = None
        self._before: Validation | None = None

    def take(self, moment: Moment) -> None:
        if self._first_step is None:
            self._first_step = max(0, moment.step - 1)
        self._moment = moment
        self._validation = moment.validation or self._validation
        if moment.step == 0:
            self._before = moment.validation

    def line(self) -> str:
        """The step, its loss, the last validation, speed and time left, in one line."""
        if self._moment is None:
            return ""
        parts = [f"step {self._moment.step} of {self._n_steps}", *self._loss()]
        if self._validation:
            by_shots = [f"{n}: {each:.1%}" for n, each in self._validation.by_shots.items()]
            parts.append(
                f"validation loss {self._validation.mean_loss:.3f}, accuracy "
                f"{self._validation.mean_accuracy:.1%} (by shots {', '.join(by_shots)})"
            )
        return "; ".join([*parts, *self._speed()])

    def table(self) -> Table:
        """Progress, loss terms, validation by shots, speed."""
        table = Table.grid(padding=(0, 2))
        if self._moment is None:
            table.add_row("reading the feature stores and validating the untrained generator …")
            return table
        step = f"{self._moment.step} of {self._n_steps}"
        table.add_row("step", step, ProgressBar(self._n_steps, self._moment.step, width=30))
        for name, term in self._moment.terms.items():
            table.add_row(f"loss {name}", f"{term:.3f}")
        if self._validation:
            table.add_row("validation loss", f"{self._validation.mean_loss:.3f}")
            for n_shot, accuracy in self._validation.by_shots.items():
                table.add_row(f"{n_shot} shot(s)", f"{accuracy:.1%}", self._gain(n_shot, accuracy))
        for part in self._speed():
            table.add_row("", part)
        if self._moment.n_skipped:
            table.add_row("", f"{self._moment.n_skipped} step(s) skipped: not finite")
        return table

    def _gain(self, n_shot: int, accuracy: float) -> str:
        if self._before is None:
            return ""
        return f"{100 * (accuracy - self._before.by_shots[n_shot]):+.1f} points since step 0"

    def _loss(self) -> list[str]:
        terms = self._moment.terms if self._moment else {}
        return [f"loss {', '.join(f'{name} {term:.3f}' for name, term in terms.items())}"] * bool(
            terms
        )

    def _speed(self) -> list[str]:
        if self._moment is None or self._first_step is None or self._moment.step == 0:
            return []
        n_done = self._moment.step - self._first_step
        each = (time.monotonic() - self._started) / n_done
        left = int(each * (self._n_steps - self._moment.step))
        rate = f"{self._moment.tasks_per_second:,.0f} tasks/s"
        return [f"{rate}, {left // 60}:{left % 60:02} left"]
