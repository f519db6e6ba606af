"""All sources of a run, checked against what it is judged on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from episodes import EpisodeError, Mixture
from metaadapter.errors import DataError
from metaadapter.training.config import TrainConfig
from metaadapter.training.held_out import keep_apart, require_unseen
from metaadapter.training.sources import LoadedSource, load_source
from metaadapter.training.validation import Kind, Validator

__all__ = ["TrainingData", "load_training_data"]


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What to train on, and what to judge by."""

    sources: tuple[LoadedSource, ...]
    validation: Mapping[Kind, tuple[LoadedSource, ...]]

    def mixture(self, config: TrainConfig, device: torch.device | str) -> Mixture:
        """The stream of training tasks."""
        tasks = [source.tasks.to(device) for source in self.sources]
        with _as_data_errors():
            return Mixture(tasks, config.episodes)

    def validator(self, config: TrainConfig, device: torch.device | str) -> Validator:
        """The fixed validation tasks."""
        sets = {
            kind: [each.tasks.to(device) for each in loaded]
            for kind, loaded in self.validation.items()
        }
        with _as_data_errors():
            return Validator(sets, config.validation, seed=config.seed)

    def digests(self) -> dict[str, str]:
        """A digest of each source and validation set, which changes with anything in its stores."""
        loaded = (*self.sources, *self.validation["classes"], *self.validation["domains"])
        return {each.tasks.name: each.digest for each in loaded}

    def describe(self) -> dict[str, list[dict[str, Any]]]:
        """What a model card says of the data."""
        return {
            "training": [source.describe() for source in self.sources],
            **{
                f"validation_{kind}": [source.describe() for source in loaded]
                for kind, loaded in self.validation.items()
            },
        }


def load_training_data(config: TrainConfig) -> TrainingData:
    """Read all feature stores of a run.

    Raises:
        DataError: A store is missing or unfit; or a training source has a store or a picture of a
            validation set, or a class of the held-out classes; or any source has a reserved store
            or a picture of one.
        IncompatibleArtifact: The stores of one source are of different encoders.
    """
    root, data = Path(config.data.root), config.data
    with _as_data_errors():
        sources = tuple(load_source(each, root, config.episodes) for each in data.sources)
        classes, domains = (
            tuple(load_source(each, root, config.episodes, average_views=True) for each in wanted)
            for wanted in (data.validation_classes, data.validation_domains)
        )
        keep_apart(sources, classes, domains)
        for store in data.reserved:
            require_unseen(root / store, (*sources, *classes, *domains))
    return TrainingData(sources, {"classes": classes, "domains": domains})


@contextmanager
def _as_data_errors() -> Iterator[None]:
    try:
        yield
    except (EpisodeError, OSError) as error:
        raise DataError(str(error)) from error
