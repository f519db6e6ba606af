"""The answers of a method: for each picture the predicted class and its probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["UNKNOWN", "Answers", "read_answers"]

UNKNOWN = -1
"""The way of a picture whose class is not among those of its task."""
# Logits turned into float64 at a time: 50,000 pictures of 1,000 classes would take 400 MB more.
CHUNK = 2**21


@dataclass(frozen=True, slots=True)
class Answers:
    """Aligned columns, one entry for each picture that a task asks about."""

    task_q: Int[np.ndarray, " q"]
    """Number of the task, from 0."""
    picture_q: Int[np.ndarray, " q"]
    """Number of the picture in its set."""
    way_q: Int[np.ndarray, " q"]
    """The class that is correct, by its place in the task, or `UNKNOWN`."""
    predicted_q: Int[np.ndarray, " q"]
    """The class that is predicted; the first of several alike."""
    confidence_q: Float[np.ndarray, " q"]
    """Probability of the predicted class."""
    log_own_q: Float[np.ndarray, " q"]
    """Log-probability of the correct class; NaN where there is none."""
    brier_q: Float[np.ndarray, " q"]
    """Squared distance of the probabilities from the truth; NaN where there is none."""

    @classmethod
    def join(cls, parts: Sequence[Answers]) -> Answers:
        """All parts, one after the other."""
        return cls(
            *(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(cls))
        )

    @property
    def known(self) -> Answers:
        """Those about pictures whose class is in the task."""
        is_known_q = self.way_q != UNKNOWN
        return Answers(*(getattr(self, each.name)[is_known_q] for each in fields(self)))

    @property
    def correct_q(self) -> np.ndarray:
        """Whether the predicted class is the correct one."""
        correct: np.ndarray = self.predicted_q == self.way_q
        return correct


def read_answers(
    logits_TQN: Float[Tensor, "T Q N"],
    way_TQ: Int[np.ndarray, "T Q"],
    picture_TQ: Int[np.ndarray, "T Q"],
    first_task: int = 0,
) -> Answers:
    """The answers of T tasks, in float64.

    Args:
        logits_TQN: Logits of each picture; −∞ for a class that is ruled out.
        way_TQ: The correct class of each, by its place in the task, or `UNKNOWN`.
        picture_TQ: Number of each in its set; −1 for one that does not count.
        first_task: Number of the first task.
    """
    there_TQ = picture_TQ >= 0
    way_q = way_TQ[there_TQ]
    logits_pN = logits_TQN.flatten(0, 1)
    columns = torch.from_numpy(there_TQ.flatten().nonzero()[0]), torch.from_numpy(way_q.clip(0))
    size = max(1, CHUNK // logits_TQN.shape[2])
    figures = []
    for places_q, own_q in zip(*(torch.split(column, size) for column in columns), strict=True):
        log_qN = logits_pN[places_q].double().log_softmax(-1)
        log_most_q, predicted_q = log_qN.max(-1)
        log_own_q = log_qN.gather(1, own_q.to(log_qN.device)[:, None])[:, 0]
        brier_q = (2 * log_qN).exp().sum(-1) - 2 * log_own_q.exp() + 1
        found = torch.stack((predicted_q.double(), log_most_q.exp(), log_own_q, brier_q))
        figures.append(found.cpu().numpy())
    predicted_q, confidence_q, log_own_q, brier_q = np.concatenate(figures, axis=1)
    is_unknown_q = way_q == UNKNOWN
    return Answers(
        task_q=first_task + there_TQ.nonzero()[0],
        picture_q=picture_TQ[there_TQ],
        way_q=way_q,
        predicted_q=predicted_q.astype(int),
        confidence_q=confidence_q,
        log_own_q=np.where(is_unknown_q, np.nan, log_own_q),
        brier_q=np.where(is_unknown_q, np.nan, brier_q),
    )
