"""All sources of a run, checked against what it is judged on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from episodes import EpisodeError, Mixture
from metaadapter.errors import DataError
from metaadapter.features.prompts import readable_name
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.training.config import TrainConfig
from metaadapter.training.sources import LoadedSource, load_source
from metaadapter.training.validation import Kind
from metaadapter.training.validator import Validator


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What is trained on, and what the generator is judged by."""

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
            pools = config.pools if config.loss.of_pools else None
            return Validator(
                sets,
                config.validation,
                seed=config.seed,
                pools=pools,
                strangers=config.loss.is_of_known_alone,
            )

    def digests(self) -> dict[str, str]:
        """A digest of each source and validation set, which changes with anything in its stores."""
        loaded = chain(self.sources, *self.validation.values())
        return {each.tasks.name: each.digest for each in loaded}

    def describe(self) -> dict[str, list[dict[str, Any]]]:
        """What a model card says of the data."""
        parts = {"training": self.sources}
        parts |= {f"validation_{kind}": loaded for kind, loaded in self.validation.items()}
        return {part: [each.describe() for each in loaded] for part, loaded in parts.items()}


def load_training_data(config: TrainConfig) -> TrainingData:
    """Read all feature stores of a run.

    Raises:
        DataError: A store is missing or unfit; or a training source has a store or a picture of a
            validation set, or a class of the held-out classes; or any source has a reserved store
            or a picture of one.
        IncompatibleArtifact: The stores of one source are of different encoders.
    """
    root, data = Path(config.data.root), config.data
    load = partial(load_source, root=root, episodes=config.episodes)
    with _as_data_errors():
        sources = tuple(map(load, data.sources))
        classes, domains = (
            tuple(load(each, average_views=True) for each in wanted)
            for wanted in (data.validation_classes, data.validation_domains)
        )
        for source in sources:
            _require_apart(source, classes, domains)
        for store in data.reserved:
            # By whatever path a source names it.
            pictures = frozenset(map(str, FeatureStore.open(root / store).rows.sha256))
            for source in (*sources, *classes, *domains):
                _require_not_in(source, root / store, "which is reserved")
                _require_other_pictures(source, pictures, str(root / store))
    return TrainingData(sources, {"classes": classes, "domains": domains})


def _require_apart(
    source: LoadedSource, classes: Sequence[LoadedSource], domains: Sequence[LoadedSource]
) -> None:
    """Refuse to train on a picture, a held-out class or the store of a held-out domain.

    Held-out classes may be of a trained store; held-out domains may have trained classes.
    """
    for judged in domains:
        for store in judged.folders:
            _require_not_in(source, store, f"which is judged as {judged.tasks.name!r}")
    for judged in classes:
        _require_other_classes(source, judged)
    for judged in (*classes, *domains):
        _require_other_pictures(source, judged.picture_hashes, judged.tasks.name)


def _require_not_in(source: LoadedSource, store: Path, role: str) -> None:
    same = [folder for folder in source.folders if folder.samefile(store)]
    if same:
        raise DataError(
            f"the source {source.tasks.name!r} has the store {same[0]}, {role}: figures on "
            "it would mean nothing. Take it out of this source, or out of the evaluation"
        )


def _require_other_classes(source: LoadedSource, judged: LoadedSource) -> None:
    """Labels are compared as the text tower reads them: "n07753592 banana" is "banana"."""
    given, there = (
        {readable_name(label).casefold(): label for label in each.classes}
        for each in (source, judged)
    )
    shared = sorted(given.keys() & there.keys())
    if shared:
        pairs = [f"{given[name]!r} ({there[name]!r} there)" for name in shared]
        raise DataError(
            f"the source {source.tasks.name!r} has {len(shared)} class(es) of the evaluation set "
            f"{judged.tasks.name!r}: {_first(pairs)}. Leave them out of training, for example "
            "with a class split"
        )


def _require_other_pictures(source: LoadedSource, hashes: frozenset[str], owner: str) -> None:
    shared = sorted(source.picture_hashes & hashes)
    if shared:
        raise DataError(
            f"the source {source.tasks.name!r} has {len(shared)} picture(s) of the evaluation set "
            f"{owner!r}, with hash {_first(shared)}. Leave them out of training"
        )


def _first(found: list[str]) -> str:
    return ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")


@contextmanager
def _as_data_errors() -> Iterator[None]:
    try:
        yield
    except (EpisodeError, OSError) as error:
        raise DataError(str(error)) from error
