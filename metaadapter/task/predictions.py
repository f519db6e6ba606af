"""What an adapter predicts for pictures, and how much of it is correct."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch

from metaadapter.adapter import StoredAdapter, probabilities
from metaadapter.features import EncodedPictures

__all__ = ["Prediction", "Proportion", "Scores", "predict_pictures", "ranked"]


class Prediction(NamedTuple):
    """What is predicted for one picture."""

    path: str
    """The picture's path as it was given."""
    label: str
    """The most probable class."""
    probability: float
    runner_up: str
    """The second most probable class."""
    runner_up_probability: float
    in_support: bool
    """Whether the adapter was predicted from this very picture."""
    probabilities: dict[str, float]
    """Class → probability, in the adapter's order; they sum to 1."""
    true_label: str = ""
    """The picture's own class; "" where it is not known."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {key: value for key, value in self._asdict().items() if key != "true_label"}


def predict_pictures(stored: StoredAdapter, pictures: EncodedPictures) -> list[Prediction]:
    """One prediction for each picture, in their order."""
    classes = [str(label) for label in stored.config.classes]
    support = set(stored.picture_hashes)
    rows = probabilities(torch.from_numpy(pictures.features), stored.weights).numpy()
    best_two = np.argsort(-rows, axis=1, kind="stable")[:, :2]
    columns = (pictures.paths, pictures.labels, pictures.sha256, map(np.ndarray.tolist, rows))
    return [
        Prediction(
            path,
            *(classes[first], row[first]),
            *(classes[second], row[second]),
            in_support=sha256 in support,
            probabilities=dict(zip(classes, row, strict=True)),
            true_label=true_label,
        )
        for path, true_label, sha256, row, (first, second) in zip(
            *columns, best_two.tolist(), strict=True
        )
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


@dataclass(frozen=True, slots=True)
class Proportion:
    """How many of `n` are correct."""

    n_correct: int
    n: int

    @property
    def value(self) -> float:
        """The fraction, from 0 to 1."""
        return self.n_correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval."""
        from scipy.stats import binomtest

        low, high = binomtest(self.n_correct, self.n).proportion_ci(method="wilson")
        return float(low), float(high)

    def __str__(self) -> str:
        low, high = self.interval
        counts = f"{self.n_correct} of {self.n}"
        return f"{self.value:.0%} ({counts}, 95 % interval {low:.0%} to {high:.0%})"

    def to_dict(self) -> dict[str, float | int]:
        """The JSON form."""
        low, high = self.interval
        counts = {"n_right": self.n_correct, "n": self.n}
        return {"value": self.value, "low": low, "high": high, **counts}


@dataclass(frozen=True, slots=True)
class Scores:
    """Accuracy, and the recall of each class that has pictures."""

    accuracy: Proportion
    recall: dict[str, Proportion]

    @classmethod
    def of_predictions(cls, predictions: Collection[Prediction]) -> Scores:
        """Compare the predicted labels with the true ones."""
        pictures = Counter(it.true_label for it in predictions)
        correct = Counter(it.label for it in predictions if it.label == it.true_label)
        recall = {label: Proportion(correct[label], n) for label, n in sorted(pictures.items())}
        return cls(Proportion(correct.total(), len(predictions)), recall)

    def told(self) -> list[str]:
        """Lines for a person."""
        recall = [f"  {label}: {proportion}" for label, proportion in self.recall.items()]
        return [f"predicted correctly: {self.accuracy}", *recall]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        recall = {label: proportion.to_dict() for label, proportion in self.recall.items()}
        return {"accuracy": self.accuracy.to_dict(), "recall": recall}
