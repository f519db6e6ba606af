"""A training run in a folder, from which it can be resumed and repeated."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from metaadapter.data.checksums import TRAINING_RECORD, write_document
from metaadapter.data.code_identity import code_identity
from metaadapter.data.output_folder import open_after, require_no_link, write_errors
from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.generator.pretrained import SHIPPED, generator_id, save_generator
from metaadapter.training.checkpoint import Checkpoint, load_checkpoint
from metaadapter.training.config import TrainConfig
from metaadapter.training.run_conditions import (
    Conditions,
    computing_threads,
    require_same_conditions,
    require_same_run,
    training_device,
)
from metaadapter.training.run_folder import (
    hold_run,
    require_same,
    run_digest,
    write_config,
)
from metaadapter.training.trainer import Trainer
from metaadapter.training.training_data import TrainingData, load_training_data
from metaadapter.training.training_record import read_training_record
from metaadapter.training.validation import Moment, Validation

CHECKPOINT, LOG, SUMMARY, BEST = "checkpoint.safetensors", "log.jsonl", "summary.json", "best"
RESUMABLE = "The last saved state is kept; resume it with --resume"
PACKAGES = ("metaadapter", "torch", "numpy", "safetensors", "pydantic")


@dataclass(frozen=True, slots=True)
class RunSummary:
    """How a run ended, and the facts for a model card."""

    run: str
    ending: Literal["finished", "interrupted"]
    step: int
    n_steps: int
    n_skipped: int
    seconds: float
    """The time of training and validation, over all sessions of the run."""
    part_seconds: dict[str, float]
    """Part of a step, as in `StepClock` → its seconds over all steps."""
    tasks_per_second: dict[str, float]
    """Source → its tasks in a second, from their draw to their gradient."""
    before: Validation | None
    """The validation of the untrained generator; `None` without validation sets."""
    best: Validation | None
    """The validation of the generator in `best/`."""
    generator: str
    """The identity of the weights in `best/`."""
    n_parameters: int
    seed: int
    device: str
    threads: int | None
    data: dict[str, list[dict[str, Any]]]
    versions: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        rounds = {"before": self.before, "best": self.best}
        return asdict(self) | {name: value and value.to_dict() for name, value in rounds.items()}


def train(
    folder: Path,
    config: TrainConfig,
    *,
    config_text: str | None = None,
    device: str = "auto",
    tell: Callable[[Moment], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> RunSummary:
    """Train a run from its last saved state, and keep its best generator in `best/`.

    An interrupted run gets the same weights, bit for bit, as one that is not interrupted, on the
    same kind of machine with the same PyTorch, device and number of threads.

    Args:
        folder: The folder of the run; a new folder holds only a lock until all checks pass.
        config: The configuration; a resumed run may have another `data.root` with the same stores.
        config_text: The TOML text to keep with a new run. Without it the run in the folder resumes.
        device: Name of a device. "auto" is the device of the run so far; for a new run, the first
            CUDA GPU if there is one, else the CPU.
        tell: Called after each step.
        should_stop: Called after each step; true saves the state and stops the training.

    Raises:
        DataError: Sources are missing, have changed, or overlap with validation; training diverges;
            or the folder is not empty, not a run, or used by another process.
        UsageError: The device cannot train, or the configuration or the user's code has changed.
    """
    is_new = config_text is not None
    if not is_new:
        require_same(folder, config)
    with hold_run(folder, is_new=is_new):
        path = folder / CHECKPOINT
        checkpoint = load_checkpoint(path) if path.exists() else None
        before = _conditions(checkpoint, path) if checkpoint else None
        if before and device == "auto":
            device = before.device
        place = training_device(device)
        with computing_threads(before.n_threads if before else None) as n_threads:
            data = load_training_data(config)
            now = Conditions(
                device=str(place),
                n_threads=n_threads,
                data=data.digests(),
                versions={name: metadata.version(name) for name in PACKAGES}
                | {"python": platform.python_version()},
                code={"training code": code_identity(Trainer)},
                run=run_digest(config),
            )
            if before:
                require_same_run(before, now, path)
                require_same_conditions(before, now)
            sources = _described_sources(data, config)
            mixture, validator = data.mixture(config, place), data.validator(config, place)
            trainer = Trainer(config, mixture, validator, place)
            write_config(folder, config, config_text)
            seconds = _advance(folder, trainer, checkpoint, now, tell, should_stop)
            summary = _summary(folder, trainer, seconds, now, sources)
            with write_errors(f"the training run {folder}", RESUMABLE):
                write_document(folder / SUMMARY, {"schema": TRAINING_RECORD, **summary.to_dict()})
            return summary


def _advance(
    folder: Path,
    trainer: Trainer,
    checkpoint: Checkpoint | None,
    conditions: Conditions,
    tell: Callable[[Moment], None],
    should_stop: Callable[[], bool],
) -> float:
    """Run the trainer, log its steps, save its states, and return the seconds of all sessions."""
    before, position = 0.0, 0
    if checkpoint:
        try:
            before, position = checkpoint.values["seconds"], int(checkpoint.values["log_position"])
            trainer.restore(checkpoint)
            trainer.clock.restore(checkpoint.values.get("clock", {}))
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise _unfit(folder / CHECKPOINT, error) from error
    started, owner = time.monotonic(), f"the training run {folder}"
    with open_after(folder / LOG, position) as log:
        for moment in trainer.steps():
            seconds = before + time.monotonic() - started
            with write_errors(owner, RESUMABLE):
                log.write(moment.log_line(seconds))
                log.flush()
            tell(moment)
            if moment.step == 0:
                continue
            stopped = should_stop()
            if stopped or trainer.is_due:
                about = {
                    "log_position": log.tell(),
                    "seconds": seconds,
                    "clock": trainer.clock.to_dict(),
                    "conditions": conditions.model_dump(),
                }
                with write_errors(owner, RESUMABLE):
                    # The log is first, because a resumed run needs the lines before its checkpoint.
                    os.fsync(log.fileno())
                    trainer.state(about).save(folder / CHECKPOINT)
                if trainer.is_at_its_best:
                    _save_best(folder, trainer)
            if stopped:
                break
    _save_best(folder, trainer)
    return before + time.monotonic() - started


def _save_best(folder: Path, trainer: Trainer) -> None:
    require_no_link(folder / BEST)
    with write_errors(f"the generator {folder / BEST}", RESUMABLE):
        save_generator(trainer.best_generator(), folder / BEST)


def _described_sources(data: TrainingData, config: TrainConfig) -> dict[str, list[dict[str, Any]]]:
    sources = data.describe()
    if config.start:
        folder = SHIPPED if config.start == "default" else Path(config.start)
        record = read_training_record(folder)
        if record is None:
            raise DataError(
                f"start = {config.start!r}: there is no record of the data that this generator was "
                "trained on, so the data of the new generator would be unknown; restore "
                "training.json in its folder, or summary.json one folder above"
            )
        for part, earlier in record[1].get("data", {}).items():
            own = sources.setdefault(part, [])
            own += [source for source in earlier if source not in own]
    return sources


def _summary(
    folder: Path,
    trainer: Trainer,
    seconds: float,
    conditions: Conditions,
    sources: dict[str, list[dict[str, Any]]],
) -> RunSummary:
    generator = trainer.best_generator()
    return RunSummary(
        run=str(folder),
        ending="finished" if trainer.is_done else "interrupted",
        step=trainer.step,
        n_steps=trainer.config.optim.steps,
        n_skipped=trainer.n_skipped,
        seconds=seconds,
        part_seconds=trainer.clock.seconds,
        tasks_per_second=trainer.clock.tasks_per_second,
        before=trainer.first,
        best=trainer.best,
        generator=generator_id(generator),
        n_parameters=sum(parameter.numel() for parameter in generator.parameters()),
        seed=trainer.config.seed,
        device=conditions.device,
        threads=conditions.n_threads,
        data=sources,
        versions=conditions.versions,
    )


def _conditions(checkpoint: Checkpoint, path: Path) -> Conditions:
    try:
        return Conditions.model_validate(checkpoint.values.get("conditions"))
    except ValidationError as error:
        raise _unfit(path, error) from error


def _unfit(checkpoint: Path, error: Exception) -> IncompatibleArtifact:
    return IncompatibleArtifact(
        f"the checkpoint {checkpoint} does not fit this version of metaadapter ({error}); resume "
        "it with the version that wrote it, or start a new run with --out"
    )
