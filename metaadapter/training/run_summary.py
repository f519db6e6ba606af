"""How a run ended, and the facts for a model card."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from metaadapter.errors import DataError
from metaadapter.generator.adapter_generator import generator_id
from metaadapter.generator.pretrained import SHIPPED
from metaadapter.training.config import TrainConfig
from metaadapter.training.figures import Validation
from metaadapter.training.trainer import Trainer
from metaadapter.training.training_data import TrainingData
from metaadapter.training.training_record import read_training_record

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
    before: Validation | None
    """The validation of the untrained generator; `None` without validation sets."""
    best: Validation | None
    """The validation of the generator in `best/`."""
    generator: str
    """The identity of the weights in `best/`."""
    seed: int
    device: str
    data: dict[str, list[dict[str, Any]]]
    versions: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        rounds = {"before": self.before, "best": self.best}
        return asdict(self) | {name: value and value.to_dict() for name, value in rounds.items()}


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide the weights."""
    versions = {name: metadata.version(name) for name in PACKAGES}
    return versions | {"python": platform.python_version()}


def described_sources(data: TrainingData, config: TrainConfig) -> dict[str, list[dict[str, Any]]]:
    """Return the facts of all data behind the weights, those of the generator to start from too."""
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


def summarise(
    folder: Path,
    trainer: Trainer,
    seconds: float,
    device: str,
    sources: dict[str, list[dict[str, Any]]],
) -> RunSummary:
    """Return the summary of a run after its last step so far."""
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
        seed=trainer.config.seed,
        device=device,
        data=sources,
        versions=installed_versions(),
    )
