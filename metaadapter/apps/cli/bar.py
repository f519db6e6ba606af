"""The bar of long work, whose percentage and time left the title of the terminal has too."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from rich.control import Control
from rich.progress import Progress, TaskID

# The stack of titles of xterm; a terminal without it gets an empty title at the end.
PUSH_TITLE, POP_TITLE = "\x1b[22;0t", "\x1b[23;0t"


class TitledBar(Progress):
    """A bar of one task; a terminal that shows no bar keeps its title."""

    _told: float | None = None
    """When the title was last set, in seconds."""

    def update(self, task_id: TaskID, *args: Any, **values: Any) -> None:
        """Update the bar, and the title at most once a second."""
        super().update(task_id, *args, **values)
        task, now = self.tasks[task_id], self.get_time()
        if task.total and (self._told is None or now - self._told >= 1):
            left = task.time_remaining
            time_left = f", {timedelta(seconds=int(left))} left" if left else ""
            title = f"{int(task.percentage)} %{time_left} - metaadapter"
            self._entitle(title, before=PUSH_TITLE if self._told is None else "")
            self._told = now

    def stop(self) -> None:
        """Remove the bar, and give the terminal the title back that it had."""
        super().stop()
        if self._told is not None:
            self._entitle("", after=POP_TITLE)

    def _entitle(self, title: str, *, before: str = "", after: str = "") -> None:
        if not self.disable:
            control = Control.title(title)
            control.segment = control.segment._replace(text=f"{before}{control}{after}")
            self.console.control(control)
