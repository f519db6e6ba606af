"""All sources of a run, checked against what it is judged on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from episodes import EpisodeError, Guard, Mixture
from metaadapter.errors import DataError
from metaadapter.training.config import TrainConfig
from metaadapter.training.sources import LoadedSource, load_source, spec_of
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
            return Mixture(tasks, spec_of(config.episodes), hard_share=config.episodes.hard_share)

    def validator(self, config: TrainConfig, device: torch.device | str) -> Validator:
        """The fixed validation tasks."""
        sets = {
            kind: [each.tasks.to(device) for each in loaded]
            for kind, loaded in self.validation.items()
        }
        with _as_data_errors():
            return Validator(sets, config.validation, seed=config.seed)

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
            validation set, a class of the held-out classes, or a reserved store.
        IncompatibleArtifact: The stores of one source are of different encoders.
    """
    root, data = Path(config.data.root), config.data
    with _as_data_errors():
        sources = tuple(load_source(each, root, config.episodes) for each in data.sources)
        classes, domains = (
            tuple(load_source(each, root, config.episodes, average_views=True) for each in wanted)
            for wanted in (data.validation_classes, data.validation_domains)
        )
        _keep_apart(sources, classes, domains, data.reserved)
    return TrainingData(sources, {"classes": classes, "domains": domains})


def _keep_apart(
    sources: Sequence[LoadedSource],
    classes: Sequence[LoadedSource],
    domains: Sequence[LoadedSource],
    reserved: Sequence[str],
) -> None:
    """Held-out classes may be of a trained store; held-out domains may have trained classes."""
    held_out = Guard(
        {each.tasks.name: each.classes for each in classes},
        {each.tasks.name: each.picture_hashes for each in (*classes, *domains)},
    )
    elsewhere = Guard(
        {store: each.classes for each in domains for store in each.stores}
        | dict.fromkeys(reserved, ())
    )
    for source in sources:
        for store in source.stores:
            elsewhere.check(store, source.classes)
        held_out.check(
            source.tasks.name, source.classes, source.picture_hashes, forbid_classes=True
        )
    for judged in (*classes, *domains):
        for store in judged.stores:
            Guard(dict.fromkeys(reserved, ())).check(store, judged.classes)


@contextmanager
def _as_data_errors() -> Iterator[None]:
    try:
        yield
    except (EpisodeError, OSError) as error:
        raise DataError(str(error)) from error
