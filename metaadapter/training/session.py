"""One sitting of a run: what it logs, and when it last wrote everything down."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, final

from metaadapter.generator import save_generator
from metaadapter.training.checkpoint import Checkpoint, load_checkpoint
from metaadapter.training.config import TrainConfig
from metaadapter.training.moment import Moment
from metaadapter.training.tracking import JsonLines, TensorBoard, Tracker
from metaadapter.training.trainer import Trainer

__all__ = ["BEST", "CHECKPOINT", "LOG", "Session"]

CHECKPOINT, LOG, BEST, BOARD = "checkpoint.safetensors", "log.jsonl", "best", "tensorboard"


@final
class Session:
    """Files of a run that grow while it trains.

    Args:
        folder: Of the run. If it has a checkpoint, the trainer becomes what that says and the log
            is cut back to where it was then.
        trainer: Of the run, untouched.
        tell: Listens to each step.
    """

    def __init__(self, folder: Path, trainer: Trainer, tell: Callable[[Moment], None]) -> None:
        self._folder, self._trainer, self._tell = folder, trainer, tell
        self._seconds_before = 0.0
        position = 0
        if (folder / CHECKPOINT).exists():
            checkpoint = load_checkpoint(folder / CHECKPOINT)
            trainer.restore(checkpoint)
            self._seconds_before = checkpoint.values["seconds"]
            position = checkpoint.values["log_position"]
        self._lines = JsonLines(folder / LOG, position=position)
        self._trackers: list[Tracker] = [self._lines]
        if trainer.config.track.tensorboard:
            self._trackers.append(TensorBoard(folder / BOARD, first_step=trainer.step + 1))
        self._started = time.monotonic()
        if trainer.step == 0:
            self._log_config(trainer.config)

    @property
    def seconds(self) -> float:
        """Time that the run has taken, over all its sittings."""
        return self._seconds_before + time.monotonic() - self._started

    def log(self, moment: Moment) -> None:
        """Log every so many steps, each validation and the last step; tell the listener of all."""
        is_regular = moment.step % self._trainer.config.track.every == 0
        if is_regular or moment.validation or self._trainer.is_done:
            for tracker in self._trackers:
                tracker.log_metrics(moment.step, _metrics(moment, self.seconds))
        self._tell(moment)

    def save(self, state: Checkpoint) -> None:
        """Write everything down; also the best generator if it is this one."""
        about = {**state.values, "seconds": self.seconds, "log_position": self._lines.position}
        replace(state, values=about).save(self._folder / CHECKPOINT)
        best = self._trainer.best
        if best and best.step == self._trainer.step:
            save_generator(self._trainer.best_generator(), self._folder / BEST)

    def close(self) -> None:
        """Finish all logs."""
        for tracker in self._trackers:
            tracker.finish()

    def _log_config(self, config: TrainConfig) -> None:
        for tracker in self._trackers:
            tracker.log_config(config.model_dump(mode="json", by_alias=True))


def _metrics(moment: Moment, seconds: float) -> dict[str, Any]:
    metrics: dict[str, Any] = {"seconds": round(seconds, 3)}
    if moment.terms:
        metrics |= {
            "loss": dict(moment.terms),
            "lr": moment.lr,
            "grad_norm": moment.grad_norm,
            "tasks_per_second": round(moment.tasks_per_second, 1),
            "n_skipped": moment.n_skipped,
        }
    if moment.validation:
        metrics["validation"] = moment.validation.to_dict()
    return metrics
