"""A training run in a folder, from which it can be resumed and repeated."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from metaadapter.errors import IncompatibleArtifact
from metaadapter.files.checksums import TRAINING_RECORD, name_files, write_document
from metaadapter.files.output_folder import open_after, require_no_link, write_errors
from metaadapter.generator.adapter_generator import save_generator
from metaadapter.training.config import TrainConfig
from metaadapter.training.figures import Moment
from metaadapter.training.run_folder import (
    Checkpoint,
    hold_run,
    load_checkpoint,
    require_same,
    require_same_data,
    training_device,
    write_config,
)
from metaadapter.training.run_summary import (
    RunSummary,
    described_sources,
    summarise,
)
from metaadapter.training.trainer import Trainer
from metaadapter.training.training_data import load_training_data

CHECKPOINT, LOG, SUMMARY, BEST = "checkpoint.json", "log.jsonl", "summary.json", "best"
RESUMABLE = "The last saved state is kept; resume it with --resume"
NOTHING_SAVED = "No state was saved yet; --resume begins the run again"


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

    An interrupted run gets the same weights as one that is not interrupted, up to rounding.

    Args:
        folder: The folder of the run; a new folder holds only a lock until all checks pass.
        config: The configuration; a resumed run may have another `data.root` with the same stores.
        config_text: The TOML text to keep with a new run. Without it the run in the folder resumes.
        device: Name of a device. "auto" is the device of the run so far; for a new run, the first
            CUDA GPU if there is one, else the CPU.
        tell: Called after each step.
        should_stop: Called after each step; true saves the state and stops.

    Raises:
        DataError: Sources are missing, have changed, or overlap with validation; training diverges;
            the folder is not empty, not a run, or used by another run.
        UsageError: The device cannot train, or the configuration or the user's code has changed.
    """
    is_new = config_text is not None
    if not is_new:
        require_same(folder, config)
    with hold_run(folder, is_new=is_new):
        run = _Run.open(folder, config, device)
        write_config(folder, config, config_text)
        seconds = _advance(run, tell, should_stop)
        summary = summarise(folder, run.trainer, seconds, run.device, run.sources)
        with write_errors(f"the training run {folder}", _kept(folder)):
            write_document(folder / SUMMARY, {"schema": TRAINING_RECORD, **summary.to_dict()})
        return summary


@dataclass(frozen=True, slots=True)
class _Run:
    """A run that is ready for its next step."""

    folder: Path
    trainer: Trainer
    checkpoint: Checkpoint | None
    device: str
    data: dict[str, str]
    """Digests by source."""
    sources: dict[str, list[dict[str, Any]]]

    @classmethod
    def open(cls, folder: Path, config: TrainConfig, device: str) -> _Run:
        """Check everything and read the data."""
        path = folder / CHECKPOINT
        name_files(path)
        checkpoint = load_checkpoint(path) if path.exists() else None
        if checkpoint and device == "auto":
            device = checkpoint.values["device"]
        place = training_device(device)
        data = load_training_data(config)
        if checkpoint:
            require_same_data(checkpoint.values["data"], data.digests())
        sources = described_sources(data, config)
        mixture, validator = data.mixture(config, place), data.validator(config, place)
        trainer = Trainer(config, mixture, validator, place)
        return cls(folder, trainer, checkpoint, str(place), data.digests(), sources)


def _advance(
    run: _Run,
    tell: Callable[[Moment], None],
    should_stop: Callable[[], bool],
) -> float:
    """Run the trainer, log its steps, save its states, and return the seconds of all sessions."""
    folder, trainer, checkpoint = run.folder, run.trainer, run.checkpoint
    before, position = 0.0, 0
    if checkpoint:
        before, position = checkpoint.values["seconds"], checkpoint.values["log_position"]
        try:
            trainer.restore(checkpoint)
        except (LookupError, RuntimeError) as error:
            raise IncompatibleArtifact(
                f"the checkpoint {folder / CHECKPOINT} does not fit this version of metaadapter "
                f"({error}); resume it with the version that wrote it, or start a new run with "
                "--out"
            ) from error
    started, owner = time.monotonic(), f"the training run {folder}"
    with open_after(folder / LOG, position) as log:
        for moment in trainer.steps():
            seconds = before + time.monotonic() - started
            with write_errors(owner, _kept(folder)):
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
                    "device": run.device,
                    "data": run.data,
                }
                _save(folder, log, trainer.state(about), owner)
                if trainer.is_at_its_best:
                    _save_best(folder, trainer)
            if stopped:
                break
        _save_best(folder, trainer)
    return before + time.monotonic() - started


def _save(folder: Path, log: IO[bytes], state: Checkpoint, owner: str) -> None:
    with write_errors(owner, _kept(folder)):
        # The log is first, because a resumed run needs the lines before its checkpoint.
        os.fsync(log.fileno())
        state.save(folder / CHECKPOINT)


def _save_best(folder: Path, trainer: Trainer) -> None:
    require_no_link(folder / BEST)
    with write_errors(f"the generator {folder / BEST}", _kept(folder)):
        save_generator(trainer.best_generator(), folder / BEST)


def _kept(folder: Path) -> str:
    return RESUMABLE if (folder / CHECKPOINT).exists() else NOTHING_SAVED
