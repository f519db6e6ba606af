"""A training run in a folder that holds all that is needed to go on with it and to repeat it."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from metaadapter.data.code_identity import code_identity
from metaadapter.data.output_folder import open_after, require_no_link, write_errors
from metaadapter.data.proof import TRAINING_RECORD, write_document
from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.generator.pretrained import SHIPPED, generator_id, save_generator
from metaadapter.training.checkpoint import Checkpoint, load_checkpoint
from metaadapter.training.config import TrainConfig
from metaadapter.training.run_conditions import (
    Conditions,
    computing_threads,
    require_same_conditions,
    training_device,
)
from metaadapter.training.run_folder import hold_run, require_same, write_config
from metaadapter.training.trainer import Trainer
from metaadapter.training.training_data import TrainingData, load_training_data
from metaadapter.training.training_record import read_training_record
from metaadapter.training.validation import Moment, Validation

CHECKPOINT, LOG, SUMMARY, BEST = "checkpoint.safetensors", "log.jsonl", "summary.json", "best"
KEPT = "What was saved last is kept; go on there with --resume"
PACKAGES = ("metaadapter", "torch", "numpy", "safetensors", "pydantic")


@dataclass(frozen=True, slots=True)
class RunSummary:
    """How a run ended, and what a model card needs to know of it."""

    run: str
    ending: Literal["finished", "interrupted"]
    step: int
    n_steps: int
    n_skipped: int
    seconds: float
    """The time of training and validation, over all sessions of the run."""
    before: Validation | None
    """The round of the untrained generator; None without validation sets."""
    best: Validation | None
    """The round of the generator in `best/`."""
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
        rounds = {"before": self.before, "best": self.best}
        return asdict(self) | {name: each and each.to_dict() for name, each in rounds.items()}


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
        folder: The folder of the run.
        config: `data.root` may be another than before if the stores in it are the same.
        config_text: What was written by hand, to be kept with a new run. Without it the run in the
            folder is gone on with.
        device: Name of a device. "auto" is that of the run so far; for a new one the first GPU of
            CUDA, or else the CPU.
        tell: Called after each step.
        should_stop: Asked after each step; if so, the state is saved and the run can go on later.

    Returns:
        How it ended. Interrupted or not, weights are the same to the bit on the same kind of
        machine, with the same PyTorch and the run's own device and number of threads.

    Raises:
        DataError: Sources are missing, have changed, or leak into validation; training diverges;
            or the folder is not empty, no run, or in another process's use.
        UsageError: The device cannot train, or the run was started with another configuration or
            other code of one's own.
    """
    is_new = config_text is not None
    if not is_new:
        require_same(folder, config)
    with hold_run(folder, is_new=is_new):
        path = folder / CHECKPOINT
        checkpoint = load_checkpoint(path) if path.exists() else None
        before = _conditions(checkpoint, path) if checkpoint else {}
        place = training_device(before.get("device", "auto") if device == "auto" else device)
        with computing_threads(before.get("n_threads")) as n_threads:
            data = load_training_data(config)
            now = {
                "device": str(place),
                "n_threads": n_threads,
                "data": data.digests(),
                "versions": {name: metadata.version(name) for name in PACKAGES}
                | {"python": platform.python_version()},
                "code": {"training code": code_identity(Trainer)},
            }
            if before:
                require_same_conditions(before, now)
            described = _described(data, config)
            mixture, validator = data.mixture(config, place), data.validator(config, place)
            trainer = Trainer(config, mixture, validator, place)
            write_config(folder, config, config_text)
            seconds = _advance(folder, trainer, checkpoint, now, tell, should_stop)
            summary = _summary(folder, trainer, seconds, now, described)
            with write_errors(f"the training run {folder}", KEPT):
                write_document(folder / SUMMARY, {"schema": TRAINING_RECORD, **summary.to_dict()})
            return summary


def _advance(
    folder: Path,
    trainer: Trainer,
    checkpoint: Checkpoint | None,
    conditions: Mapping[str, Any],
    tell: Callable[[Moment], None],
    should_stop: Callable[[], bool],
) -> float:
    """Let the trainer run, log each step, keep its states; gives the seconds of all sessions."""
    before, position = 0.0, 0
    if checkpoint:
        try:
            before, position = checkpoint.values["seconds"], int(checkpoint.values["log_position"])
            trainer.restore(checkpoint)
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise _unfit(folder / CHECKPOINT, error) from error
    started, owner = time.monotonic(), f"the training run {folder}"
    with open_after(folder / LOG, position) as log:
        for moment in trainer.steps():
            seconds = before + time.monotonic() - started
            with write_errors(owner, KEPT):
                log.write(moment.log_line(seconds))
                log.flush()
            tell(moment)
            if moment.step == 0:
                continue
            stopped = should_stop()
            if stopped or trainer.is_due:
                about = {"log_position": log.tell(), "seconds": seconds, "conditions": conditions}
                with write_errors(owner, KEPT):
                    # The log first: what the run goes on from, its log must have.
                    os.fsync(log.fileno())
                    trainer.state(about).save(folder / CHECKPOINT)
                if trainer.is_at_its_best:
                    _keep_best(folder, trainer)
            if stopped:
                break
    _keep_best(folder, trainer)
    return before + time.monotonic() - started


def _keep_best(folder: Path, trainer: Trainer) -> None:
    require_no_link(folder / BEST)
    with write_errors(f"the generator {folder / BEST}", KEPT):
        save_generator(trainer.best_generator(), folder / BEST)


def _described(data: TrainingData, config: TrainConfig) -> dict[str, list[dict[str, Any]]]:
    """What is trained and judged on, also of the run that the start comes from."""
    described = data.describe()
    if config.start:
        folder = SHIPPED if config.start == "default" else Path(config.start)
        found = read_training_record(folder)
        if found is None:
            raise DataError(
                f"start = {config.start!r}: there is no record of what that generator was trained "
                "on, so nobody could tell what the new one has seen; restore training.json beside "
                "it, or summary.json one folder above"
            )
        for part, sources in found[1].get("data", {}).items():
            own = described.setdefault(part, [])
            own += [source for source in sources if source not in own]
    return described


def _summary(
    folder: Path,
    trainer: Trainer,
    seconds: float,
    conditions: Mapping[str, Any],
    data: dict[str, list[dict[str, Any]]],
) -> RunSummary:
    generator = trainer.best_generator()
    return RunSummary(
        run=str(folder),
        ending="finished" if trainer.is_done else "interrupted",
        step=trainer.step,
        n_steps=trainer.config.optim.steps,
        n_skipped=trainer.n_skipped,
        seconds=seconds,
        before=trainer.first,
        best=trainer.best,
        generator=generator_id(generator),
        n_parameters=sum(each.numel() for each in generator.parameters()),
        seed=trainer.config.seed,
        device=conditions["device"],
        threads=conditions["n_threads"],
        data=data,
        versions=conditions["versions"],
    )


def _conditions(checkpoint: Checkpoint, path: Path) -> dict[str, Any]:
    try:
        return Conditions.model_validate(checkpoint.values.get("conditions")).model_dump()
    except ValidationError as error:
        raise _unfit(path, error) from error


def _unfit(checkpoint: Path, error: Exception) -> IncompatibleArtifact:
    return IncompatibleArtifact(
        f"the checkpoint {checkpoint} does not fit this version of metaadapter ({error}); go on "
        "with the version that wrote it, or start a new run with --out"
    )
