"""Tasks of several labels: a set of pictures, and draws of a support and queries from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float

from metaadapter.adapter.support import Support
from metaadapter.adapter.unit_rows import unit_rows
from metaadapter.data.label_sets import LabelSets
from metaadapter.errors import DataError
from metaadapter.features.encoded_pictures import read_store
from metaadapter.features.encoder_by_name import load_encoder
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.workflow.class_texts import text_features

MOST_QUERIES = 1000
"""More queries hardly change a mean of average precisions."""


@dataclass(frozen=True, slots=True, eq=False)
class SeveralSet:
    """The pictures of a store with complete labels."""

    name: str
    identity: str
    """A text that changes with the pictures, their labels or their encoder."""
    classes: tuple[str, ...]
    rows_ND: Float[np.ndarray, "n D"]
    shows_NC: Bool[np.ndarray, "n C"]
    text_CD: Float[np.ndarray, "C D"]
    logit_scale: float | None
    blocks: tuple[int, ...]

    @classmethod
    def of_store(cls, path: Path, device: str = "cpu") -> SeveralSet:
        """Read a store whose labels are such as "fox;snow"; `device` encodes their names."""
        store = FeatureStore.open(path)
        pictures, origin = read_store(store), store.origin
        sets = LabelSets.of(pictures.labels)
        if len(sets.classes) < 2:
            raise DataError(
                f"expected labels of at least two classes, such as fox;snow, in the feature store "
                f"{path}, got {', '.join(sets.classes) or 'none'}"
            )
        encoder = load_encoder(
            store.encoder, device=device, zoom=origin.zoom, blocks=origin.block_names
        )
        names = dict(zip(sets.classes, sets.classes, strict=True))
        width = pictures.features.shape[1]
        return cls(
            path.name,
            store.identity,
            sets.classes,
            pictures.features,
            sets.shows_NC,
            text_features(names, sets.classes, width, encoder),
            store.logit_scale,
            origin.look_widths(width),
        )


class SeveralTask(NamedTuple):
    """The pictures of a task with C classes, and the classes that they show."""

    rows_ND: Float[np.ndarray, "n D"]
    shows_NC: Bool[np.ndarray, "n C"]
    text_CD: Float[np.ndarray, "C D"]
    """Unit rows; zeros for a class without a text."""
    logit_scale: float | None = None
    blocks: tuple[int, ...] = ()

    @property
    def support(self) -> Support:
        """The support that a generator reads; all its labels are known."""
        return Support.of_rows(
            unit_rows(self.rows_ND),
            torch.from_numpy(self.shows_NC.astype(np.int8)),
            torch.from_numpy(self.text_CD).float(),
            logit_scale=self.logit_scale,
            blocks=self.blocks,
        )


class SeveralDraw(NamedTuple):
    """The support of a task, and its queries."""

    task: SeveralTask
    queries_QD: Float[np.ndarray, "Q D"]
    shows_QC: Bool[np.ndarray, "Q C"]


def draw_task(data: SeveralSet, ways: int | None, shots: int, seed: int) -> SeveralDraw:
    """Draw classes, then a support that shows each of them at least `shots` times.

    Pictures of none of the drawn classes are left out. Class by class in a random order, a picture
    that shows the class is added until the support has enough; the other pictures are queries.

    Raises:
        DataError: A class has too few pictures for these shots and a query.
    """
    rng = np.random.default_rng([seed, shots])
    enough = np.flatnonzero(data.shows_NC.sum(0) > shots)
    n_ways = len(enough) if ways is None else min(ways, len(enough))
    if n_ways < 2:
        raise DataError(
            f"the set {data.name} has {len(enough)} class(es) with more than {shots} pictures, and "
            "a task needs two; give fewer shots, or a set with more pictures"
        )
    # The classes do not depend on the shots, so that curves over shots compare the same ones.
    order = np.random.default_rng(seed).permutation(data.shows_NC.shape[1])
    ways_C = np.sort([number for number in order if number in set(enough)][:n_ways])
    shows_NC = data.shows_NC[:, ways_C]
    left = rng.permutation(np.flatnonzero(shows_NC.any(1)))
    support: list[int] = []
    for number in rng.permutation(n_ways):
        missing = shots - int(shows_NC[support, number].sum())
        found = left[shows_NC[left, number]][: max(0, missing)]
        support += found.tolist()
        left = left[~np.isin(left, found)]
    queries = left[:MOST_QUERIES]
    task = SeveralTask(
        data.rows_ND[support],
        shows_NC[support],
        data.text_CD[ways_C],
        data.logit_scale,
        data.blocks,
    )
    return SeveralDraw(task, data.rows_ND[queries], shows_NC[queries])
