"""Far strangers: queries from other sets, whose classes no task has."""

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

# Distinguishes these draws from others of the same seed.
STREAM = 0x666172


@dataclass(frozen=True, slots=True, eq=False)
class FarStrangers:
    """The far strangers of T tasks."""

    data: EvaluationSet
    """The pictures of all their stores."""
    picture_TF: Int[Tensor, "T F"]
    """Numbers of pictures in `data`; −1 for padding."""

    def split(self, n_tasks: int) -> Iterator[FarStrangers]:
        """The same, `n_tasks` at a time."""
        parts = torch.split(self.picture_TF, n_tasks)
        return (FarStrangers(self.data, part) for part in parts)


def draw_far(data: EvaluationSet, rows: EpisodeRows, seed: int) -> FarStrangers:
    """As many far strangers as a task has near strangers, or else as it has queries.

    Each store gives the same number, or all its pictures. The tasks stay as they are.

    Args:
        data: The pictures to draw from, as `far_set` gives them.
        rows: The tasks.
        seed: The seed of the draw.
    """
    rng = np.random.default_rng([seed, STREAM])
    ends = np.cumsum([len(table) for table in data.features])
    of_stores = [
        first + (data.labels_n[first:end] >= 0).nonzero()[0]
        for first, end in zip([0, *ends[:-1]], ends, strict=True)
    ]
    drawn = []
    for off_class_O, query_NQ in zip(rows.off_class_TO, rows.query_TNQ, strict=True):
        n_wanted = int((off_class_O >= 0).sum()) or int((query_NQ >= 0).sum())
        n_of_store = -(-n_wanted // len(of_stores))
        parts = [rng.permutation(pictures)[:n_of_store] for pictures in of_stores]
        pictures = rng.permutation(np.concatenate(parts))[:n_wanted]
        drawn.append(torch.from_numpy(pictures).long())
    return FarStrangers(data, pad_sequence(drawn, batch_first=True, padding_value=-1))
