"""`SeveralBench`: sets, draws and scores of pictures with several labels each.

The labels of a picture are a row of a matrix; a picture of one label has a row that sums to one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, final

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from episodes import EpisodeRows
from metaadapter.adapter.support import Support
from metaadapter.bench.evaluation.bench import Bench
from metaadapter.bench.evaluation.cells import Cell
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.methods.method import UNTRAINED, Measured
from metaadapter.bench.evaluation.methods.method_by_name import load_method
from metaadapter.bench.evaluation.metrics import Tables, plain
from metaadapter.bench.evaluation.sets.evaluation_set import EvaluationSet
from metaadapter.bench.evaluation.tables import draw_table
from metaadapter.bench.peers.several_labels import SEVERAL_PEERS, predicted_adapter
from metaadapter.data.label_sets import shown_classes, shows_matrix
from metaadapter.errors import DataError, UsageError
from metaadapter.features.encoders.encoder_by_name import load_encoder
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.workflow.accuracy import LabelScores, label_scores
from metaadapter.workflow.class_texts import text_features

SCORES = LabelScores._fields[:4]
MOST_QUERIES = 1000
"""More queries hardly change a mean of average precisions."""


class SeveralRows(NamedTuple):
    """A task as numbers of classes and of pictures."""

    ways: Int[np.ndarray, " C"]
    support: Int[np.ndarray, " n"]
    queries: Int[np.ndarray, " Q"]


@dataclass(frozen=True, slots=True, eq=False)
class SeveralSet:
    """The pictures of a set in which one may have several labels."""

    data: EvaluationSet
    """The set, in which each combination of labels is a class."""
    cells: tuple[str, ...]
    """The labels of each picture, such as "fox;snow"."""
    classes: tuple[str, ...]
    shows_NC: Bool[np.ndarray, "n C"]
    text_CD: Float[Tensor, "C D"]
    """Unit rows; zeros for a class without a text."""

    @classmethod
    def of(cls, data: EvaluationSet, folder: str, device: str) -> SeveralSet:
        """Read the labels of a set's store; `device` encodes the names of the classes."""
        store = FeatureStore.open(folder)
        cells = store.rows.of_pictures("label").astype(str).tolist()
        classes = shown_classes(cells)
        if len(classes) < 2:
            raise DataError(
                f"expected labels of at least two classes, such as fox;snow, in the feature store "
                f"{store.folder}, got {', '.join(classes) or 'none'}"
            )
        encoder = load_encoder(
            store.encoder, device=device, zoom=data.zoom, blocks=store.origin.block_names
        )
        names = dict(zip(classes, classes, strict=True))
        texts = text_features(names, classes, data.text_CD.shape[1], encoder)
        text_CD = torch.from_numpy(texts).float()
        return cls(data, tuple(cells), classes, shows_matrix(cells, classes), text_CD)

    def support(self, rows: SeveralRows) -> Support:
        """Return the support of a task."""
        return Support.of_rows(
            self.data.look_up(torch.from_numpy(rows.support)),
            torch.from_numpy(self.shows_NC[rows.support][:, rows.ways]),
            self.text_CD[rows.ways],
            logit_scale=self.data.logit_scale,
            blocks=self.data.blocks,
        )


def draw_several(
    name: str, shows_NC: Bool[np.ndarray, "n C"], ways: int | None, shots: int, seed: int
) -> SeveralRows:
    """Draw classes, then a support that shows each of them at least `shots` times.

    Pictures of none of the drawn classes are left out. Class by class in a random order, a picture
    that shows the class is added until the support has enough; the other pictures are queries.

    Raises:
        DataError: A class of the set `name` has too few pictures for these shots and a query.
    """
    rng = np.random.default_rng([seed, shots])
    enough = np.flatnonzero(shows_NC.sum(0) > shots)
    n_ways = len(enough) if ways is None else min(ways, len(enough))
    if n_ways < 2:
        raise DataError(
            f"the set {name} has {len(enough)} class(es) with more than {shots} pictures, and "
            "a task needs two; give fewer shots, or a set with more pictures"
        )
    # The classes do not depend on the shots, so that curves over shots compare the same ones.
    order = np.random.default_rng(seed).permutation(shows_NC.shape[1])
    ways_C = np.sort(order[np.isin(order, enough)][:n_ways])
    shows_NC = shows_NC[:, ways_C]
    left = rng.permutation(np.flatnonzero(shows_NC.any(1)))
    support: list[int] = []
    for number in rng.permutation(n_ways):
        missing = shots - int(shows_NC[support, number].sum())
        added = left[shows_NC[left, number]][: max(0, missing)]
        support += added.tolist()
        left = left[~np.isin(left, added)]
    return SeveralRows(ways_C, np.array(support), left[:MOST_QUERIES])


@final
class SeveralBench(Bench):
    """The `Bench` for a configuration with `several`; the queries depend on the shots."""

    intervals: ClassVar[str] = (
        "95 % intervals of Student's t cover the draw of classes and pictures (seeds)"
    )

    def __init__(self, config: EvaluationConfig, device: torch.device) -> None:
        if device.type == "mps":
            raise UsageError(
                "pictures of several labels are calculated in double precision, which --device "
                f"{device} (Apple's GPU) does not have; give --device cpu"
            )
        super().__init__(config, device)
        self.methods = {name: load_several(name) for name in config.method_names}
        self._sets: Mapping[str, SeveralSet] = {
            data.name: SeveralSet.of(data, folder, str(device))
            for data, folder in zip(self.sets.values(), config.own_stores, strict=True)
        }

    def facts(self, data: EvaluationSet) -> dict[str, Any]:
        """Return what a report shows of a set, whose classes are single labels."""
        several = self._sets[data.name]
        counts = zip(several.classes, several.shows_NC.sum(0).tolist(), strict=True)
        left_out = {name: count for name, count in counts if count <= max(self.config.shots)}
        # Near copies stay, because tasks of several labels do not look at them.
        sizes = {"n_pictures": len(several.cells), "n_classes": len(several.classes)}
        return data.to_dict() | {**sizes, "near_copies": 0, "left_out": left_out}

    def draw(self, store: str, n_shot: int, seed: int) -> SeveralRows:
        """Return the task of a set, a number of shots and a seed."""
        return draw_several(store, self._sets[store].shows_NC, self.config.ways, n_shot, seed)

    def measure(self, cell: Cell) -> Tables:
        """Measure a cell and return its scores, as fractions of 1."""
        several = self._sets[cell.store]
        rows = self.draw(cell.store, cell.n_shot, cell.seed)
        support = several.support(rows).to(device=self.device)
        queries_QD = several.data.look_up(torch.from_numpy(rows.queries)).to(self.device)
        p_QC, threshold_C = self.methods[cell.method].fit(support, queries_QD)
        scores = label_scores(p_QC, several.shows_NC[rows.queries][:, rows.ways], threshold_C)
        facts = {"task": 0, "n_way": len(rows.ways), "n_query": len(rows.queries)}
        figures = {name: getattr(scores, name) / 100 for name in SCORES}
        tables: Tables = plain({"rows": {key: [v] for key, v in {**facts, **figures}.items()}})
        return tables

    def draws(self) -> pd.DataFrame:
        """Return the pictures of each task; one of other shots is another task."""
        drawn = [
            self._draw_table(data, n_shot, seed)
            for data in self.sets.values()
            for n_shot in self.config.ascending_shots
            for seed in range(self.config.seeds)
        ]
        return pd.concat(drawn, ignore_index=True)

    def _draw_table(self, data: EvaluationSet, n_shot: int, seed: int) -> pd.DataFrame:
        drawn = self.draw(data.name, n_shot, seed)
        one, none = torch.zeros(1, 1, dtype=torch.int64), torch.empty(1, 0, dtype=torch.int64)
        support, queries = (
            torch.from_numpy(side)[None, None] for side in (drawn.support, drawn.queries)
        )
        rows = EpisodeRows(one, support, none[None], queries, none, none)
        pictures = draw_table([(data, seed, rows, None)])
        cells = [self._sets[data.name].cells[number] for number in pictures["picture"]]
        # A support of fewer shots is no part of a larger one, so each has a task of its own.
        return pictures.assign(task=n_shot, **{"class": cells})


def load_several(name: str) -> Measured:
    """Return the method of a name; raise `UsageError` for an unknown one."""
    if name in SEVERAL_PEERS:
        return Measured(name, "", SEVERAL_PEERS[name], UNTRAINED)
    if name != "default":
        known = ", ".join(("default", *SEVERAL_PEERS))
        raise UsageError(f"expected methods of several labels ({known}), got {name!r}")
    default = load_method(name)
    return Measured(name, default.identity, predicted_adapter, default.meta_training)
