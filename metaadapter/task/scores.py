"""How many predictions are correct, on pictures whose classes are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from metaadapter.task.predictions import Prediction

__all__ = ["Proportion", "Scores"]


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

    def __str__(self) -> str:
        recall = [f"  {label}: {proportion}" for label, proportion in self.recall.items()]
        return "\n".join([f"predicted correctly: {self.accuracy}", *recall])

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        recall = {label: proportion.to_dict() for label, proportion in self.recall.items()}
        return {"accuracy": self.accuracy.to_dict(), "recall": recall}
