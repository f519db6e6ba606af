"""One sitting of a run: what it logs, and when it last wrote everything down."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, final

from metaadapter.errors import IncompatibleArtifact
from metaadapter.generator import save_generator
from metaadapter.training.checkpoint import Checkpoint
from metaadapter.training.conditions import Conditions
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
        folder: Of the run.
        trainer: Of the run, untouched.
        checkpoint: Where to go on: the trainer becomes what it says, and the log is cut back to
            where it was then.
        conditions: Kept in each checkpoint.
        tell: Listens to each step.

    Raises:
        IncompatibleArtifact: The checkpoint is of another version of the network.
    """

    def __init__(
        self,
        folder: Path,
        trainer: Trainer,
        checkpoint: Checkpoint | None,
        conditions: Conditions,
        tell: Callable[[Moment], None],
    ) -> None:
        self._folder, self._trainer, self._tell = folder, trainer, tell
        self._conditions = conditions
        self._seconds_before = 0.0
        position = 0
        if checkpoint:
            _restore(trainer, checkpoint, folder)
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
        for tracker in self._trackers:
            tracker.flush()
        about = {
            "conditions": self._conditions.to_dict(),
            "seconds": self.seconds,
            "log_position": self._lines.position,
        }
        replace(state, values={**state.values, **about}).save(self._folder / CHECKPOINT)
        if self._trainer.is_at_its_best:
            save_generator(self._trainer.best_generator(), self._folder / BEST)

    def close(self) -> None:
        """Finish all logs."""
        for tracker in self._trackers:
            tracker.finish()

    def _log_config(self, config: TrainConfig) -> None:
        for tracker in self._trackers:
            tracker.log_config(config.model_dump(mode="json", by_alias=True))


def _restore(trainer: Trainer, checkpoint: Checkpoint, folder: Path) -> None:
    try:
        trainer.restore(checkpoint)
    except (KeyError, RuntimeError, ValueError) as error:
        raise IncompatibleArtifact(
            f"the checkpoint in {folder} does not fit this version of metaadapter ({error}); go on "
            "with the version that wrote it, or start a new run with --out"
        ) from error


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
