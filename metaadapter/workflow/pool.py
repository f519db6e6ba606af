"""The unlabelled pictures of a task: read, freed of labelled ones, and what they changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.calibration import calibrated
from metaadapter.adapter.config import AdapterConfig
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, probabilities
from metaadapter.data.reader import read_images
from metaadapter.data.user_code import is_user_code
from metaadapter.errors import DataError, UsageError
from metaadapter.features.encoded_pictures import EncodedPictures, encode_rows, is_store
from metaadapter.features.encoding_loop import Progress
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Origin
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.views import mean_of_views
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.generator.pretrained import shared_generator
from metaadapter.workflow.fine_tuning import fine_tune_adapter
from metaadapter.workflow.gradient_steps import FineTune
from metaadapter.workflow.labelled_support import unit_rows
from metaadapter.workflow.one_shot import (
    generator_that_predicted,
    predict_adapter,
    without_copies,
)

# More pictures change an adapter little, and take their room in its folder.
MOST_UNLABELLED = 4000
# Beyond this fraction of a pool in one class, or like none of the classes, a user is told.
MOST_OF_ALL, MOST_UNLIKE = 0.8, 0.5


def read_pool(
    source: Path,
    origin: Origin,
    load: Callable[..., ImageEncoder],
    loaded: ImageEncoder | None,
    *,
    seed: int,
    progress: Callable[[Progress], None],
) -> EncodedPictures:
    """Unlabelled pictures, or those of a feature store whatever their labels, seen as the others.

    Args:
        source: pictures, a folder with all folders in it, a manifest or a feature store.
        origin: the encoder, views and looks of the labelled pictures.
        load: `load_encoder`, its options given.
        loaded: the encoder of the labelled pictures, where it was needed.
        seed: draws `MOST_UNLABELLED` of more, before they are encoded; a warning tells.
        progress: called after each batch that is encoded.

    Raises:
        DataError: no picture can be read.
        IncompatibleArtifact: a store was made by another encoder.
    """
    if is_store(source):
        store = FeatureStore.open(source)
        if origin.fingerprint is not None:
            store.fingerprint.require_match(origin.fingerprint, owner=f"the feature store {source}")
        numbers, told = _drawn(store.n_pictures, seed)
        stored = store.rows.pictures()
        chosen = tuple(stored[number] for number in numbers)
        features = mean_of_views(store.by_picture()[numbers])
        if store.n_views != origin.n_views:
            told = (
                f"the feature store {source} averages {store.n_views} view(s) of a picture, and "
                f"the adapter is made with {origin.n_views}",
                *told,
            )
        return EncodedPictures(chosen, features, warnings=told)
    table = read_images(source, labelled=False, n_classes=1)
    numbers, told = _drawn(len(table.rows), seed)
    if loaded is None:
        if origin.encoder is None:
            raise UsageError(
                "the labelled features do not say by which encoder they were made; give the "
                "unlabelled pictures as a feature store too"
            )
        look = partial(load, zoom=origin.zoom, blocks=origin.block_names)
        loaded = look(origin.encoder, remembered_by="the feature store of labelled pictures")
    rows = [table.rows[number] for number in numbers]
    pictures = encode_rows(rows, loaded, views=origin.n_views, seed=origin.seed, progress=progress)
    if not len(pictures):
        first = "; ".join(map(str, pictures.quarantined[:3]))
        raise DataError(f"none of the unlabelled pictures in {source} can be read: {first}")
    return replace(pictures, warnings=table.warnings + pictures.warnings + told)


def as_pool(
    pictures: EncodedPictures, labelled: tuple[str, ...], seed: int
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The rows that serve as a pool, and what is to be said of those that do not.

    Left out are copies of one another and of labelled pictures, known by their SHA-256, and what is
    beyond `MOST_UNLABELLED`, drawn by `seed`.
    """
    seen, kept = set(labelled), []
    for number, sha256 in enumerate(pictures.sha256):
        if not sha256 or sha256 not in seen:
            kept.append(number)
            seen.add(sha256)
    numbers, told = _drawn(len(kept), seed)
    if copies := len(pictures) - len(kept):
        copied = f"{copies} unlabelled picture(s) are copies, of labelled ones or one another"
        told = (f"{copied}, and were left out", *told)
    return pictures.features[[kept[number] for number in numbers]], told


def _drawn(n: int, seed: int) -> tuple[list[int], tuple[str, ...]]:
    """The numbers of as many pictures as serve, in their order; and what to say of the others."""
    if n <= MOST_UNLABELLED:
        return list(range(n)), ()
    drawn = np.random.default_rng(seed).permutation(n)[:MOST_UNLABELLED]
    told = f"of {n} unlabelled pictures {MOST_UNLABELLED} are used, drawn by the seed {seed}"
    return sorted(drawn.tolist()), (f"{told}: more would change little",)


@dataclass(frozen=True, slots=True)
class PoolEffect:
    """What unlabelled pictures changed about an adapter's answers on them."""

    n: int
    """The number of unlabelled pictures."""
    changed: float
    """The fraction of them whose most probable class is another than without them."""
    moved: float
    """The mean change of their probabilities: half the sum of the absolute differences."""
    shares: tuple[float, ...]
    """The fraction of them that is predicted to be of each class."""
    unlike: float
    """The fraction that is less like any labelled picture than each labelled one is like another of
    another class; 0 where fewer than two classes have labelled pictures."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "n": self.n,
            "changed": self.changed,
            "moved": self.moved,
            "shares": list(self.shares),
            "unlike": self.unlike,
        }

    def told(self, classes: list[str]) -> list[str]:
        """Sentences for a person."""
        lines = [
            f"{self.n} unlabelled picture(s): {self.changed:.0%} of them are predicted otherwise "
            "than without them"
        ]
        first = int(np.argmax(self.shares))
        if self.unlike > MOST_UNLIKE:
            lines.append(
                f"{self.unlike:.0%} of them seem to be of none of the classes, for they are less "
                "like any labelled picture than your classes are like one another: they do not help"
            )
        elif self.shares[first] > MOST_OF_ALL and len(classes) > 1 and self.n > 1:
            lines.append(
                f"{self.shares[first]:.0%} of them seem to be {classes[first]}: of the other "
                "classes they tell little"
            )
        return lines


def pool_effect(stored: StoredAdapter) -> PoolEffect | None:
    """What the unlabelled pictures of an adapter's support changed; `None` if it has none."""
    support = stored.support
    if support is None or support.pool_TUD is None:
        return None
    generator, _ = shared_generator(stored.config.generator)
    without = _predict(generator, support.with_pool(None), stored.config)
    rows = support.pool_TUD[0].double()
    before, after = (probabilities(rows, weights) for weights in (without, stored.weights))
    n_of = after.argmax(-1).bincount(minlength=after.shape[1]).double()
    return PoolEffect(
        n=len(rows),
        changed=float((before.argmax(-1) != after.argmax(-1)).double().mean()),
        moved=float((before - after).abs().sum(-1).mean() / 2),
        shares=tuple((n_of / len(rows)).tolist()),
        unlike=_unlike(support, rows),
    )


def _unlike(support: Support, pool: Float[Tensor, "u D"]) -> float:
    labelled, labels = support.labelled_rows()
    labelled = labelled.to(pool)
    if (labels == labels[:1]).all():
        return 0.0
    cosines = labelled @ labelled.T
    to_others = cosines.masked_fill(labels[:, None] == labels, -torch.inf).amax(1)
    return float(((pool @ labelled.T).amax(1) < to_others.min()).double().mean())


def require_together(stored: StoredAdapter, adapter: Path) -> AdapterGenerator:
    """The generator for `predict_together`, checked before pictures are encoded.

    Raises:
        UsageError: The adapter was saved without its support features, or its generator is code.
        IncompatibleArtifact: Its generator is not the one that predicted it any more.
    """
    config = stored.config
    if stored.support is None:
        raise UsageError(
            f"the adapter {adapter} was saved without its support features, so nothing can be "
            "learned from the pictures; leave --together out, or adapt again"
        )
    if config.generator == "custom" or is_user_code(config.generator):
        raise UsageError(
            f"the adapter {adapter} was predicted by a generator of your own, which is code and "
            "never runs by itself; leave --together out, or use adapt --unlabelled"
        )
    return generator_that_predicted(config.generator, config.generator_id)


def predict_together(stored: StoredAdapter, rows: np.ndarray, adapter: Path) -> StoredAdapter:
    """The adapter of the same pictures with these unlabelled rows beside those that it has.

    Of more than `MOST_UNLABELLED` the new ones stay. The errors are those of `require_together`.
    """
    generator, config = require_together(stored, adapter), stored.config
    assert stored.support is not None
    pool, old = unit_rows(rows), stored.support.pool_TUD
    if old is not None:
        pool = torch.cat([pool, without_copies(old[0], pool)])[:MOST_UNLABELLED]
    support = stored.support.with_pool(pool)
    return replace(
        stored,
        weights=_predict(generator, support, config),
        config=config.model_copy(update={"n_unlabelled": support.n_pool}),
        support=support,
        signature=None,
    )


def _predict(
    generator: AdapterGenerator, support: Support, config: AdapterConfig
) -> AdapterWeights:
    if config.n_steps:
        steps = FineTune(n_steps=config.n_steps)
        weights = fine_tune_adapter(generator, support, steps)[0]
    else:
        weights = predict_adapter(generator, support)
    return weights if config.inside is None else calibrated(weights, config.inside.calibration)
