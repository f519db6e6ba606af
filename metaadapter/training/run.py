"""A training run in a folder that holds all that is needed to go on with it and to repeat it."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from metaadapter.atomic_files import replace_file
from metaadapter.generator import generator_id, save_generator
from metaadapter.training.checkpoint import Checkpoint, load_checkpoint
from metaadapter.training.conditions import Conditions, computing_threads, training_device
from metaadapter.training.config import TrainConfig
from metaadapter.training.moment import Moment
from metaadapter.training.run_folder import (
    hold_run,
    require_same_config,
    with_kept_splits,
    write_config,
    write_resolved,
)
from metaadapter.training.session import BEST, CHECKPOINT, Session
from metaadapter.training.tracking import summary_writer
from metaadapter.training.trainer import Trainer
from metaadapter.training.training_data import TrainingData, load_training_data
from metaadapter.training.validation import Validation

__all__ = ["RunSummary", "train"]

SUMMARY = "summary.json"
PACKAGES = ("metaadapter", "torch", "numpy", "safetensors", "pydantic")

Ending = Literal["finished", "stopped early", "interrupted"]


@dataclass(frozen=True, slots=True)
class RunSummary:
    """How a run ended, and what a model card needs to know of it."""

    run: str
    ending: Ending
    step: int
    n_steps: int
    n_skipped: int
    seconds: float
    """Of training and validation, over all sessions of the run."""
    before: Validation | None
    """The untrained generator."""
    best: Validation | None
    generator: str
    """Identity of the weights in `best/`."""
    n_parameters: int
    seed: int
    device: str
    threads: int
    data: dict[str, list[dict[str, Any]]]
    versions: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        rounds = {
            "before": self.before.to_dict() if self.before else None,
            "best": self.best.to_dict() if self.best else None,
        }
        return {**asdict(self), **rounds}


def train(
    folder: Path,
    config: TrainConfig,
    *,
    config_text: str | None = None,
    device: str = "auto",
    tell: Callable[[Moment], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> RunSummary:
    """Train from where the run in `folder` stands, and keep the best generator in `best/`.

    A new folder stays empty, but for a lock, until data and device have been found fit.

    Args:
        folder: Of the run.
        config: Of that run; `data.root` may be another than before if the stores in it are not.
        config_text: For a new run: what was written by hand, to be kept beside it. Without it the
            run in the folder is gone on with.
        device: Name of a device. "auto" is that of the run so far; for a new one the first GPU of
            CUDA, or else the CPU.
        tell: Listens to each step.
        should_stop: Asked after each step; if so, the state is saved and the run can go on later.

    Returns:
        How it ended. Interrupted or not, weights are the same to the bit on the same kind of
        machine, with the same PyTorch and the run's own device and number of threads.

    Raises:
        DataError: Sources are missing, have changed, or leak into validation; training diverges;
            or the folder is not empty, no run, or in another process's use.
        UsageError: The device cannot train, or the run was started with another configuration.
    """
    is_new = config_text is not None
    if not is_new:
        require_same_config(folder, config)
    if config.track.tensorboard:
        summary_writer()
    with hold_run(folder, is_new=is_new):
        checkpoint = _last_checkpoint(folder)
        before = Conditions(**checkpoint.values["conditions"]) if checkpoint else None
        place = training_device(before.device if before and device == "auto" else device)
        with computing_threads(before.n_threads if before else None) as n_threads:
            data = load_training_data(config if is_new else with_kept_splits(config, folder))
            conditions = Conditions(str(place), n_threads, data.digests())
            if before:
                before.require_continued_by(conditions)
            trainer = Trainer(
                config, data.mixture(config, place), data.validator(config, place), device=place
            )
            if config_text is not None:
                write_config(folder, config, config_text)
            write_resolved(folder, config)
            session = Session(folder, trainer, checkpoint, conditions, tell)
            try:
                trainer.run(tell=session.log, save=session.save, should_stop=should_stop)
            finally:
                session.close()
            return _finish(folder, trainer, session, data, conditions)


def _last_checkpoint(folder: Path) -> Checkpoint | None:
    path = folder / CHECKPOINT
    return load_checkpoint(path) if path.exists() else None


def _finish(
    folder: Path, trainer: Trainer, session: Session, data: TrainingData, conditions: Conditions
) -> RunSummary:
    generator = trainer.best_generator()
    save_generator(generator, folder / BEST)
    summary = RunSummary(
        run=str(folder),
        ending=_ending(trainer),
        step=trainer.step,
        n_steps=trainer.config.optim.steps,
        n_skipped=trainer.n_skipped,
        seconds=session.seconds,
        before=trainer.first,
        best=trainer.best,
        generator=generator_id(generator),
        n_parameters=sum(each.numel() for each in generator.parameters()),
        seed=trainer.config.seed,
        device=conditions.device,
        threads=conditions.n_threads,
        data=data.describe(),
        versions={name: metadata.version(name) for name in PACKAGES}
        | {"python": platform.python_version()},
    )
    replace_file(folder / SUMMARY, json.dumps(summary.to_dict(), indent=2) + "\n")
    return summary


def _ending(trainer: Trainer) -> Ending:
    if not trainer.is_done:
        return "interrupted"
    return "finished" if trainer.step >= trainer.config.optim.steps else "stopped early"
