"""The data of a run: its sources, checked for overlap with its validation sets."""

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
from metaadapter.training.figures import Kind
from metaadapter.training.sources import LoadedSource, load_source
from metaadapter.training.validator import Validator


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The sources to train on, and the validation sets."""

    sources: tuple[LoadedSource, ...]
    validation: Mapping[Kind, tuple[LoadedSource, ...]]

    def mixture(self, config: TrainConfig, device: torch.device | str) -> Mixture:
        """Return the stream of training tasks."""
        tasks = [source.tasks.to(device) for source in self.sources]
        with _as_data_errors():
            return Mixture(tasks, config.episodes)

    def validator(self, config: TrainConfig, device: torch.device | str) -> Validator:
        """Return the validator with its fixed tasks."""
        sets = {
            kind: [source.tasks.to(device) for source in loaded]
            for kind, loaded in self.validation.items()
        }
        with _as_data_errors():
            return Validator(
                sets,
                config.validation,
                seed=config.seed,
                pools=config.loss.pool > 0,
                strangers=config.loss.are_of("known"),
            )

    def digests(self) -> dict[str, str]:
        """Return by name a digest of everything in each source and validation set."""
        loaded = chain(self.sources, *self.validation.values())
        return {source.tasks.name: source.digest for source in loaded}

    def describe(self) -> dict[str, list[dict[str, Any]]]:
        """Return the facts of all sources for a model card."""
        parts = {"training": self.sources}
        parts |= {f"validation_{kind}": loaded for kind, loaded in self.validation.items()}
        return {part: [source.describe() for source in loaded] for part, loaded in parts.items()}


def load_training_data(config: TrainConfig) -> TrainingData:
    """Read all feature stores of a run; `DataError` if training and validation overlap.

    Sources must not have a validation picture, a held-out class, or a held-out or reserved store.
    """
    root, data = Path(config.data.root), config.data
    load = partial(load_source, root=root, episodes=config.episodes)
    with _as_data_errors():
        sources = tuple(map(load, data.sources))
        classes, domains = (
            tuple(load(source, average_views=True) for source in configs)
            for configs in (data.validation_classes, data.validation_domains)
        )
        for source in sources:
            _require_apart(source, classes, domains)
        for store in data.reserved:
            # Sources may name the store by another path.
            pictures = frozenset(FeatureStore.open(root / store).rows.of_pictures("sha256"))
            for source in (*sources, *classes, *domains):
                _require_not_in(source, root / store, "which is reserved")
                _require_other_pictures(source, pictures, str(root / store))
    return TrainingData(sources, {"classes": classes, "domains": domains})


def _require_apart(
    source: LoadedSource, classes: Sequence[LoadedSource], domains: Sequence[LoadedSource]
) -> None:
    for held_out in domains:
        for store in held_out.folders:
            _require_not_in(source, store, f"which validates as {held_out.tasks.name!r}")
    for held_out in classes:
        _require_other_classes(source, held_out)
    for held_out in (*classes, *domains):
        _require_other_pictures(source, held_out.picture_hashes, held_out.tasks.name)


def _require_not_in(source: LoadedSource, store: Path, role: str) -> None:
    same = [folder for folder in source.folders if folder.samefile(store)]
    if same:
        raise DataError(
            f"the source {source.tasks.name!r} has the store {same[0]}, {role}, so that figures on "
            "it would mean nothing. Remove it from this source, or from the evaluation"
        )


def _require_other_classes(source: LoadedSource, held_out: LoadedSource) -> None:
    """Require different classes, as the text tower reads them: "n07753592 banana" is "banana"."""
    trained, validated = (
        {readable_name(label).casefold(): label for label in loaded.classes}
        for loaded in (source, held_out)
    )
    shared = sorted(trained.keys() & validated.keys())
    if shared:
        pairs = [f"{trained[name]!r} (there {validated[name]!r})" for name in shared]
        raise DataError(
            f"the source {source.tasks.name!r} has {len(shared)} class(es) of the evaluation set "
            f"{held_out.tasks.name!r}: {_first(pairs)}. Leave them out of training, for example "
            "with a class split"
        )


def _require_other_pictures(source: LoadedSource, hashes: frozenset[str], owner: str) -> None:
    shared = sorted(source.picture_hashes & hashes)
    if shared:
        raise DataError(
            f"the source {source.tasks.name!r} has {len(shared)} picture(s) of the evaluation set "
            f"{owner!r}, with hash {_first(shared)}. Leave them out of training"
        )


def _first(values: list[str]) -> str:
    return ", ".join(values[:5]) + (f" and {len(values) - 5} more" if len(values) > 5 else "")


@contextmanager
def _as_data_errors() -> Iterator[None]:
    try:
        yield
    except (EpisodeError, OSError) as error:
        raise DataError(str(error)) from error
