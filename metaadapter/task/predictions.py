"""What an adapter predicts for pictures: labels with probabilities, in an order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from metaadapter.adapter import StoredAdapter, probabilities
from metaadapter.features import EncodedPictures

__all__ = ["Prediction", "predict_pictures", "ranked"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is predicted for one picture."""

    path: str
    """The picture's path as it was given."""
    probabilities: dict[str, float]
    """Class → probability, in the adapter's order; they sum to 1."""
    label: str
    """The most probable class."""
    runner_up: str
    """The second most probable class."""
    in_support: bool
    """Whether the adapter was predicted from this very picture."""
    true_label: str = ""
    """The picture's own class; "" where it is not known."""

    @property
    def probability(self) -> float:
        """The probability of the predicted label."""
        return self.probabilities[self.label]

    @property
    def runner_up_probability(self) -> float:
        """The probability of the runner-up."""
        return self.probabilities[self.runner_up]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "path": self.path,
            "label": self.label,
            "probability": self.probability,
            "runner_up": self.runner_up,
            "runner_up_probability": self.runner_up_probability,
            "in_support": self.in_support,
            "probabilities": self.probabilities,
        }


def predict_pictures(stored: StoredAdapter, pictures: EncodedPictures) -> list[Prediction]:
    """One prediction for each picture, in their order."""
    classes = [str(label) for label in stored.config.classes]
    support = set(stored.picture_hashes)
    rows = probabilities(torch.from_numpy(pictures.features), stored.weights).numpy()
    best_two = np.argsort(-rows, axis=1, kind="stable")[:, :2]
    columns = (pictures.paths, pictures.labels, pictures.sha256, rows, best_two)
    return [
        Prediction(
            path,
            dict(zip(classes, row.tolist(), strict=True)),
            label=classes[first],
            runner_up=classes[second],
            in_support=sha256 in support,
            true_label=true_label,
        )
        for path, true_label, sha256, row, (first, second) in zip(*columns, strict=True)
    ]


def ranked(
    predictions: Iterable[Prediction],
    *,
    label: str | None,
    order: Literal["sure", "doubtful"] | None,
) -> list[Prediction]:
    """Sort by the probability of `label`, largest first, or by that of each predicted label."""
    if label is not None:
        return sorted(predictions, key=lambda it: -it.probabilities[label])
    if order is not None:
        return sorted(predictions, key=lambda it: it.probability, reverse=order == "sure")
    return list(predictions)
