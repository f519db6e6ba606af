"""A training run in a folder that holds all that is needed to go on with it and to repeat it."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import torch

from metaadapter.atomic_files import replace_file
from metaadapter.errors import DataError
from metaadapter.features.device import choose_device
from metaadapter.generator import generator_id, save_generator
from metaadapter.training.config import TrainConfig
from metaadapter.training.config_file import read_resolved
from metaadapter.training.moment import Moment
from metaadapter.training.session import BEST, Session
from metaadapter.training.trainer import Trainer
from metaadapter.training.training_data import TrainingData, load_training_data
from metaadapter.training.validation import Validation

__all__ = ["RunSummary", "open_run", "start_run", "train"]

CONFIG, RESOLVED = "config.toml", "resolved.json"
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


def start_run(folder: Path, config: TrainConfig, config_text: str) -> TrainConfig:
    """Make the folder of a new run and put its configuration there.

    Raises:
        DataError: The folder holds something already, or cannot be made.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(
            f"{folder} is not empty; go on with the run in it with --resume {folder}, or choose "
            "another folder with --out"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / RESOLVED, config.model_dump_json(by_alias=True, indent=2) + "\n")
        replace_file(folder / CONFIG, config_text)
    except OSError as error:
        raise DataError(f"cannot write into {folder}: {error.strerror}") from error
    return config


def open_run(folder: Path) -> TrainConfig:
    """The configuration of a run that was started before."""
    return read_resolved(folder / RESOLVED)


def train(
    folder: Path,
    config: TrainConfig,
    *,
    device: str = "auto",
    tell: Callable[[Moment], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> RunSummary:
    """Train from where the run in `folder` stands, and keep the best generator in `best/`.

    Args:
        folder: Of a run that `start_run` made; its checkpoint is gone on with if there is one.
        config: Of that run.
        device: Name of a device, or "auto".
        tell: Listens to each step.
        should_stop: Asked after each step; if so, the state is saved and the run can go on later.

    Raises:
        DataError: Sources are missing or leak into validation, or training diverges.
    """
    place = choose_device(device)
    data = load_training_data(config)
    trainer = Trainer(
        config, data.mixture(config, place), data.validator(config, place), device=place
    )
    session = Session(folder, trainer, tell)
    try:
        trainer.run(tell=session.log, save=session.save, should_stop=should_stop)
    finally:
        session.close()
    return _finish(folder, trainer, session, data, str(place))


def _finish(
    folder: Path, trainer: Trainer, session: Session, data: TrainingData, device: str
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
        device=device,
        threads=torch.get_num_threads(),
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
