"""The time of training: of the parts of its steps, and of the tasks from each source."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, final

Part = Literal["draw", "perturb", "loss", "gradient", "update", "validate"]


@final
class StepClock:
    """Adds up seconds over all steps, as the process waits for them.

    On a GPU, which computes while the process goes on, a part may wait for the parts before it.
    """

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._of_sources: defaultdict[str, list[float]] = defaultdict(lambda: [0, 0.0])

    @contextmanager
    def part(self, name: Part) -> Iterator[None]:
        """Add the time of this block to a part."""
        started = time.monotonic()
        try:
            yield
        finally:
            self._seconds[name] += time.monotonic() - started

    def add(self, source: str, n_tasks: int, seconds: float) -> None:
        """Add the tasks of one draw, and the seconds from their draw to their gradient."""
        counts = self._of_sources[source]
        counts[0] += n_tasks
        counts[1] += seconds

    @property
    def seconds(self) -> dict[str, float]:
        """Part of a step → seconds."""
        return dict(self._seconds)

    @property
    def tasks_per_second(self) -> dict[str, float]:
        """Source → tasks that are drawn and learned from in a second."""
        return {name: n / max(seconds, 1e-9) for name, (n, seconds) in self._of_sources.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, from which `restore` continues."""
        return {"parts": self.seconds, "sources": dict(self._of_sources)}

    def restore(self, stored: Mapping[str, Any]) -> None:
        """Continue from a JSON form."""
        self._seconds.update(stored["parts"])
        self._of_sources.update({name: [*of] for name, of in stored["sources"].items()})
