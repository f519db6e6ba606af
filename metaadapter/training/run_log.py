"""The figures of a run after each step, and the log that keeps them, one line of JSON a step."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from metaadapter.training.validation import Validation

__all__ = ["Moment", "RunLog"]


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a run stands after one of its steps, or before the first."""

    step: int
    validation: Validation | None
    """The round after this step, if there was one."""
    terms: Mapping[str, float]
    """Each loss term, unweighted, and the weighted "total": means over the draws of the step."""
    lr: float = 0.0
    grad_norm: float = 0.0
    """The norm of the gradient before it is cut."""
    tasks_per_second: float = 0.0
    n_skipped: int = 0
    """Steps so far without effect, because a loss or a gradient was not finite."""

    def figures(self) -> dict[str, Any]:
        """What the log says of it."""
        figures: dict[str, Any] = {}
        if self.terms:
            figures = {
                "loss": dict(self.terms),
                "lr": self.lr,
                "grad_norm": self.grad_norm,
                "tasks_per_second": round(self.tasks_per_second, 1),
                "n_skipped": self.n_skipped,
            }
        return figures | ({"validation": self.validation.to_dict()} if self.validation else {})


@final
class RunLog:
    """Lines such as `{"step": 10, "loss": {"query": 0.41, …}, …}`.

    Args:
        path: The file.
        position: The number of its bytes that count; what a killed run wrote beyond is cut off.
    """

    def __init__(self, path: Path, position: int = 0) -> None:
        path.touch()
        os.truncate(path, min(position, path.stat().st_size))
        self._file = path.open("ab")

    def write(self, step: int, figures: Mapping[str, Any]) -> None:
        """Write one line; a figure that is not finite is null."""
        line = json.dumps({"step": step, **_finite(figures)}, allow_nan=False)
        self._file.write(line.encode() + b"\n")
        self._file.flush()

    def sync(self) -> int:
        """Wait until all lines are on disk, and give the position that a checkpoint keeps."""
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
