"""How many predictions are correct, on pictures whose classes are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from metaadapter.errors import DataError
from metaadapter.task.predictions import Prediction
from metaadapter.task.proportion import Proportion

__all__ = ["Scores", "require_known_labels"]


@dataclass(frozen=True, slots=True)
class Scores:
    """Accuracy, and the recall of each class that has pictures.

    Attributes:
        accuracy: fraction of the pictures that are predicted correctly.
        recall: class → fraction of its pictures that are predicted correctly.
    """

    accuracy: Proportion
    recall: dict[str, Proportion]

    @classmethod
    def of_predictions(cls, predictions: Iterable[Prediction]) -> Scores:
        """Compare the predicted labels with the true ones."""
        n_pictures: Counter[str] = Counter()
        n_correct: Counter[str] = Counter()
        for each in predictions:
            n_pictures[each.true_label] += 1
            n_correct[each.true_label] += each.label == each.true_label
        return cls(
            Proportion(n_correct.total(), n_pictures.total()),
            {label: Proportion(n_correct[label], n) for label, n in sorted(n_pictures.items())},
        )

    def __str__(self) -> str:
        recall = [f"  {label}: {proportion}" for label, proportion in self.recall.items()]
        return "\n".join([f"predicted correctly: {self.accuracy}", *recall])

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "accuracy": self.accuracy.to_dict(),
            "recall": {label: proportion.to_dict() for label, proportion in self.recall.items()},
        }


def require_known_labels(labels: Iterable[str], classes: Sequence[str]) -> None:
    """Check that true labels are classes of the adapter, so that predictions can be compared.

    Raises:
        DataError: a label is none of the classes.
    """
    if unknown := sorted(set(labels) - set(classes)):
        raise DataError(
            f"the pictures have the labels {', '.join(map(repr, unknown[:5]))}, which are not "
            f"classes of the adapter ({', '.join(map(repr, classes[:5]))}"
            f"{', …' if len(classes) > 5 else ''}); rename the folders, or leave --labelled out"
        )
