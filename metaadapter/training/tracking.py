"""Where a run's figures go: JSON lines always, TensorBoard on demand."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, final

from metaadapter.errors import MissingPackage

__all__ = ["JsonLines", "TensorBoard", "Tracker", "summary_writer"]


class Tracker(Protocol):
    """What the trainer tells about a run."""

    def log_config(self, config: Mapping[str, Any]) -> None:
        """Once, before the first step."""

    def log_metrics(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Nested figures of one step."""

    def flush(self) -> None:
        """Before each checkpoint: what the run goes on from, its log must have."""

    def finish(self) -> None:
        """Once, whether the run ended or was interrupted."""


@final
class JsonLines:
    """One line for each logged step: `{"step": 10, "loss": {"query": 0.41, …}, …}`.

    Args:
        path: The file.
        position: Bytes of it that count; what a killed run wrote beyond them is cut off.
    """

    def __init__(self, path: Path, *, position: int = 0) -> None:
        path.touch()
        os.truncate(path, min(position, path.stat().st_size))
        self._file = path.open("ab")

    @property
    def position(self) -> int:
        """Bytes written so far."""
        return self._file.tell()

    def log_config(self, config: Mapping[str, Any]) -> None:
        """Nothing: the configuration lies beside the log."""

    def log_metrics(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Write one line; a figure that is not finite is null."""
        line = json.dumps({"step": step, **_finite(metrics)}, allow_nan=False)
        self._file.write(line.encode() + b"\n")
        self._file.flush()

    def flush(self) -> None:
        """Wait until all lines are on disk."""
        os.fsync(self._file.fileno())

    def finish(self) -> None:
        """Close the file."""
        self._file.close()


@final
class TensorBoard:
    """Scalars named by their place, such as `loss/query`.

    Args:
        folder: Of the event files.
        first_step: What a killed run logged from there on is hidden.

    Raises:
        MissingPackage: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, *, first_step: int = 0) -> None:
        self._writer = summary_writer()(str(folder), purge_step=first_step)

    def log_config(self, config: Mapping[str, Any]) -> None:
        """The configuration as text."""
        self._writer.add_text("config", f"```json\n{json.dumps(config, indent=2)}\n```")

    def log_metrics(self, step: int, metrics: Mapping[str, Any]) -> None:
        """One scalar for each figure."""
        for name, value in _scalars(metrics):
            self._writer.add_scalar(name, value, step)

    def flush(self) -> None:
        """Write what is still in memory, where it would wait for up to two minutes."""
        self._writer.flush()

    def finish(self) -> None:
        """Write what is still in memory, and close the file."""
        self._writer.close()


def summary_writer() -> Any:
    """TensorBoard's writer.

    Raises:
        MissingPackage: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingPackage(
            "track.tensorboard is true, and TensorBoard is not installed: "
            "`pip install 'metaadapter[track]'`, or leave it out with "
            "--set track.tensorboard=false; log.jsonl is written anyway"
        ) from error
    return SummaryWriter


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _scalars(metrics: Mapping[str, Any], prefix: str = "") -> list[tuple[str, float]]:
    named: list[tuple[str, float]] = []
    for key, value in metrics.items():
        if isinstance(value, Mapping):
            named += _scalars(value, f"{prefix}{key}/")
        elif isinstance(value, int | float):
            named.append((f"{prefix}{key}", float(value)))
    return named
