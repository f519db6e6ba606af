"""Far strangers: pictures of other sets, beside tasks that know nothing of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from episodes import EpisodeRows
from metaadapter.bench.evaluation.evaluation_set import EvaluationSet

# Keeps these draws apart from others of the same seed.
STREAM = 0x666172


@dataclass(frozen=True, slots=True, eq=False)
class FarStrangers:
    """Those of T tasks."""

    data: EvaluationSet
    """The pictures of all stores that they come from."""
    picture_TF: Int[Tensor, "T F"]
    """Numbers of pictures there; −1 fills up."""

    def split(self, n_tasks: int) -> Iterator[FarStrangers]:
        """The same, `n_tasks` at a time."""
        parts = torch.split(self.picture_TF, n_tasks)
        return (FarStrangers(self.data, part) for part in parts)


def draw_far(data: EvaluationSet, rows: EpisodeRows, seed: int) -> FarStrangers:
    """As many as a task has strangers of its own set, or else as it has queries.

    Each store gives as many as the others, or all that it has. The tasks are not changed by it.

    Args:
        data: The pictures that may be drawn, as `far_set` gives them.
        rows: The tasks.
        seed: The seed of the draw.
    """
    rng = np.random.default_rng([seed, STREAM])
    ends = np.cumsum([len(table) for table in data.features])
    of_stores = [
        first + (data.labels_n[first:end] >= 0).nonzero()[0]
        for first, end in zip([0, *ends[:-1]], ends, strict=True)
    ]
    found = []
    for off_class_O, query_NQ in zip(rows.off_class_TO, rows.query_TNQ, strict=True):
        n_wanted = int((off_class_O >= 0).sum()) or int((query_NQ >= 0).sum())
        n_each = -(-n_wanted // len(of_stores))
        drawn = np.concatenate([rng.permutation(pictures)[:n_each] for pictures in of_stores])
        found.append(torch.from_numpy(rng.permutation(drawn)[:n_wanted]).long())
    return FarStrangers(data, pad_sequence(found, batch_first=True, padding_value=-1))
