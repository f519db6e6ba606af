"""Tasks of several labels: sets of pictures, and draws of a support and queries from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from metaadapter.adapter.support import Support
from metaadapter.adapter.unit_rows import unit_rows
from metaadapter.bench.evaluation.evaluation_set import EvaluationSet
from metaadapter.data.label_sets import LabelSets
from metaadapter.errors import DataError
from metaadapter.features.encoder_by_name import load_encoder
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.workflow.class_texts import text_features

MOST_QUERIES = 1000
"""More queries hardly change a mean of average precisions."""


@dataclass(frozen=True, slots=True, eq=False)
class SeveralSet:
    """The pictures of a set with complete labels."""

    name: str
    cells: tuple[str, ...]
    """The labels of each picture, such as "fox;snow"."""
    classes: tuple[str, ...]
    rows_ND: Float[np.ndarray, "n D"]
    shows_NC: Bool[np.ndarray, "n C"]
    text_CD: Float[np.ndarray, "C D"]
    """Unit rows; zeros for a class without a text."""
    logit_scale: float
    blocks: tuple[int, ...] = ()

    @classmethod
    def of(cls, data: EvaluationSet, store: FeatureStore, device: str) -> SeveralSet:
        """Read the labels of a set's store; `device` encodes the names of the classes."""
        cells = store.rows.of_pictures("label").astype(str).tolist()
        sets = LabelSets.of(cells)
        if len(sets.classes) < 2:
            raise DataError(
                f"expected labels of at least two classes, such as fox;snow, in the feature store "
                f"{store.folder}, got {', '.join(sets.classes) or 'none'}"
            )
        encoder = load_encoder(
            store.encoder, device=device, zoom=data.zoom, blocks=store.origin.block_names
        )
        names = dict(zip(sets.classes, sets.classes, strict=True))
        return cls(
            name=data.name,
            cells=tuple(cells),
            classes=sets.classes,
            rows_ND=data.look_up(torch.arange(len(cells))).numpy(),
            shows_NC=sets.shows_NC,
            text_CD=text_features(names, sets.classes, data.text_CD.shape[1], encoder),
            logit_scale=data.logit_scale,
            blocks=data.blocks,
        )


class SeveralRows(NamedTuple):
    """A task as numbers of classes and of pictures."""

    ways: Int[np.ndarray, " C"]
    support: Int[np.ndarray, " n"]
    queries: Int[np.ndarray, " Q"]


class SeveralTask(NamedTuple):
    """A support and queries, and the classes that their pictures show."""

    rows_ND: Float[np.ndarray, "n D"]
    shows_NC: Bool[np.ndarray, "n C"]
    queries_QD: Float[np.ndarray, "Q D"]
    shows_QC: Bool[np.ndarray, "Q C"]
    text_CD: Float[np.ndarray, "C D"]
    logit_scale: float
    blocks: tuple[int, ...]

    @classmethod
    def of(cls, data: SeveralSet, rows: SeveralRows) -> SeveralTask:
        """Look up the pictures and texts of a task."""
        shows_NC = data.shows_NC[:, rows.ways]
        return cls(
            data.rows_ND[rows.support],
            shows_NC[rows.support],
            data.rows_ND[rows.queries],
            shows_NC[rows.queries],
            data.text_CD[rows.ways],
            data.logit_scale,
            data.blocks,
        )

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


def draw_task(data: SeveralSet, ways: int | None, shots: int, seed: int) -> SeveralRows:
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
    ways_C = np.sort(order[np.isin(order, enough)][:n_ways])
    shows_NC = data.shows_NC[:, ways_C]
    left = rng.permutation(np.flatnonzero(shows_NC.any(1)))
    support: list[int] = []
    for number in rng.permutation(n_ways):
        missing = shots - int(shows_NC[support, number].sum())
        added = left[shows_NC[left, number]][: max(0, missing)]
        support += added.tolist()
        left = left[~np.isin(left, added)]
    return SeveralRows(ways_C, np.array(support), left[:MOST_QUERIES])
