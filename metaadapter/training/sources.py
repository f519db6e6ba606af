"""Sources of tasks: feature stores, or synthetic classes, ready to draw from."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float16, Float32, Int
from torch import Tensor
from torch.nn.functional import normalize

from episodes import ClassSplit, EpisodeSpec, TaskSource, synthetic_source
from episodes.source import StoredFeatures
from metaadapter.errors import DataError
from metaadapter.features.logit_scale import CLIP_LOGIT_SCALE
from metaadapter.features.prompts import readable_name
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.views import unit_rows
from metaadapter.files.checksums import content_hash
from metaadapter.files.regular_files import regular
from metaadapter.files.strict_json import json_text
from metaadapter.training.config import SourceConfig, SyntheticConfig
from metaadapter.training.training_record import short_hash

# Larger features, in bytes of float32, are read from disk where tasks draw them.
MOST_IN_MEMORY = 2**30


@dataclass(frozen=True, slots=True)
class KeptPictures:
    """Some pictures of a store."""

    store: FeatureStore
    numbers: Int[np.ndarray, " n"]
    labels: Int[np.ndarray, " n"]

    @classmethod
    def of_classes(cls, store: FeatureStore, classes: Sequence[str]) -> KeptPictures:
        """Return the pictures in these classes, labelled by the place of their class."""
        number: Mapping[str, int] = {name: place for place, name in enumerate(classes)}
        labels = store.rows.numbers_in("label", number)
        numbers = np.flatnonzero(labels >= 0)
        return cls(store, numbers, labels[numbers])

    def rows(self, rows: Int[np.ndarray, " k"]) -> Float16[np.ndarray, "k dim"]:
        """Return stored rows by their number, which is picture · views + view."""
        pictures, view = np.divmod(rows, self.store.n_views)
        chosen: np.ndarray = self.store.by_picture()[self.numbers[pictures], view]
        return chosen

    def hashes(self) -> np.ndarray:
        """Return the content hash of each picture."""
        return self.store.rows.of_pictures("sha256", self.numbers)


def features_of(
    parts: Sequence[KeptPictures], *, average_views: bool
) -> Float[Tensor, "n V D"] | StoredFeatures:
    """Return the unit rows of all pictures of parts with the same number of views.

    With `average_views` a picture has one view, the mean of its views. Features that would take
    more than `MOST_IN_MEMORY` stay on disk, unless they are averaged.
    """
    n, store = sum(len(part.numbers) for part in parts), parts[0].store
    n_views, dim = store.n_views, store.fingerprint.dim
    ends = np.cumsum([len(part.numbers) * n_views for part in parts])

    def read(rows: Int[np.ndarray, " k"]) -> Float32[np.ndarray, "k dim"]:
        features = np.empty((len(rows), dim), dtype=np.float32)
        place = np.searchsorted(ends, rows, side="right")
        for number, part in enumerate(parts):
            is_here = place == number
            start = ends[number] - len(part.numbers) * n_views
            features[is_here] = unit_rows(part.rows(rows[is_here] - start).astype(np.float32))
        return features

    stored = StoredFeatures(read, (n, n_views, dim))
    if not average_views and n * n_views * dim * 4 > MOST_IN_MEMORY:
        return stored
    table_nVD, start = torch.empty(n, 1 if average_views else n_views, dim), 0
    for part_nVD in stored.parts():
        views_nVD = normalize(part_nVD.mean(1, keepdim=True), dim=-1) if average_views else part_nVD
        table_nVD[start : start + len(part_nVD)] = views_nVD
        start += len(part_nVD)
    return table_nVD


@dataclass(frozen=True, slots=True)
class LoadedSource:
    """A source, and the facts about it for the model card."""

    tasks: TaskSource
    classes: tuple[str, ...]
    """Names, in the order of the labels."""
    digest: str
    """A hash that changes with any feature, label, text or class name."""
    stores: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()
    picture_hashes: frozenset[str] = frozenset()

    def describe(self) -> dict[str, Any]:
        """Return the facts of the source for a model card."""
        return {
            "name": self.tasks.name,
            "encoder": self.tasks.encoder,
            "stores": list(self.stores),
            "n_pictures": len(self.tasks.labels_n),
            "weight": self.tasks.weight,
            "classes": list(self.classes),
            "pictures": sorted(map(short_hash, self.picture_hashes - {""})),
        }


def load_source(
    config: SourceConfig, root: Path, episodes: EpisodeSpec, *, average_views: bool = False
) -> LoadedSource:
    """Read a source from its stores in `root`; a store is a domain, classes are joined by name.

    With `average_views` a picture has the mean of its views, as for a classifier; else tasks draw
    one of its views. If the source has its own range of shots, this replaces that of `episodes`.
    """
    spec = replace(episodes, n_shot=config.n_shot) if config.n_shot else None
    if config.synthetic is not None:
        return _synthetic(config, config.synthetic, spec)
    stores = [FeatureStore.open(root / name) for name in config.stores]
    for store in stores[1:]:
        stores[0].fingerprint.require_match(store.fingerprint, owner=f"the store {store.folder}")
    classes = _classes(config, stores)
    parts = [KeptPictures.of_classes(store, classes) for store in stores]
    n_views = [store.n_views for store in stores]
    if len(set(n_views)) > 1:
        raise DataError(
            f"the stores of the source {config.name!r} have {n_views} views a picture; encode them "
            "with the same views"
        )
    domains = np.repeat(np.arange(len(parts)), [len(part.labels) for part in parts])
    # A class has the text of the first store that has one for it.
    class_texts = ChainMap(*(store.class_texts() for store in stores))
    none = np.zeros(stores[0].fingerprint.dim)
    texts = np.stack([class_texts.get(name, none) for name in classes]).astype(np.float32)
    tasks = TaskSource(
        name=config.name,
        features_nVD=features_of(parts, average_views=average_views),
        labels_n=torch.from_numpy(np.concatenate([part.labels for part in parts])),
        text_CD=torch.from_numpy(texts),
        logit_scale=stores[0].logit_scale or CLIP_LOGIT_SCALE,
        weight=config.weight,
        blocks=stores[0].blocks,
        classes=tuple(map(readable_name, classes)),
        encoder=str(stores[0].encoder),
        domains_n=torch.from_numpy(domains),
        spec=spec,
        cross_domain_share=config.cross_domain_share,
    )
    return LoadedSource(
        tasks,
        classes,
        digest=_digest([classes, tasks.logit_scale, [store.identity for store in stores]]),
        stores=config.stores,
        folders=tuple(store.folder for store in stores),
        picture_hashes=frozenset(chain.from_iterable(part.hashes() for part in parts)),
    )


def _classes(config: SourceConfig, stores: Sequence[FeatureStore]) -> tuple[str, ...]:
    names = {name for store in stores for name in store.classes}
    if not names:
        raise DataError(
            f"the source {config.name!r}: {', '.join(str(store.folder) for store in stores)} has "
            "no labelled pictures; encode a folder that holds one folder for each class"
        )
    if config.classes is None:
        return tuple(sorted(names))
    parts = ClassSplit.load(regular(Path(config.classes.split))).parts
    wanted = parts.get(config.classes.part)
    if not wanted:
        raise DataError(
            f"the source {config.name!r}: {config.classes.split} has no classes in a part "
            f"{config.classes.part!r}; it has parts {', '.join(sorted(parts))}"
        )
    missing = sorted(set(wanted) - names)
    if missing:
        raise DataError(
            f"the source {config.name!r}: {config.classes.split} names {len(missing)} classes that "
            f"its stores do not have, the first {missing[0]!r}; make the split from these stores"
        )
    return tuple(sorted(wanted))


def _digest(values: Any) -> str:
    return content_hash(json_text(values))


def _synthetic(
    config: SourceConfig, shape: SyntheticConfig, spec: EpisodeSpec | None
) -> LoadedSource:
    generator = torch.Generator().manual_seed(shape.seed)
    settings = shape.model_dump(exclude={"seed"})
    source = synthetic_source(config.name, generator=generator, weight=config.weight, **settings)
    classes = tuple(f"{config.name} {number}" for number in range(shape.n_classes))
    digest = _digest(shape.model_dump())
    source = replace(source, spec=spec, classes=classes, encoder="synthetic")
    return LoadedSource(source, classes, digest)
