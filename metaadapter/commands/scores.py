"""How many answers are right, on pictures whose classes are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metaadapter.errors import DataError
from metaadapter.report.proportion import Proportion

__all__ = ["Scores"]


@dataclass(frozen=True, slots=True)
class Scores:
    """Accuracy, and the recall of each class that was there.

    Attributes:
        accuracy: share of the pictures that got their class.
        recall: class → share of its pictures that got it.
    """

    accuracy: Proportion
    recall: dict[str, Proportion]

    @classmethod
    def of(cls, truth: Sequence[str], answers: Sequence[str], classes: Sequence[str]) -> Scores:
        """Compare answers with the true labels.

        Raises:
            DataError: a true label is none of the adapter's classes.
        """
        if unknown := sorted(set(truth) - set(classes)):
            raise DataError(
                f"the pictures have the labels {', '.join(map(repr, unknown[:5]))}, which are not "
                f"classes of the adapter ({', '.join(map(repr, classes[:5]))}"
                f"{', …' if len(classes) > 5 else ''}); rename the folders, or leave --labelled out"
            )
        asked = Counter(truth)
        right = Counter(
            label for label, answer in zip(truth, answers, strict=True) if label == answer
        )
        return cls(
            Proportion(right.total(), asked.total()),
            {label: Proportion(right[label], asked[label]) for label in sorted(asked)},
        )

    def __str__(self) -> str:
        recall = [f"  {label}: {share}" for label, share in self.recall.items()]
        return "\n".join([f"right: {self.accuracy}", *recall])

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "accuracy": self.accuracy.to_dict(),
            "recall": {label: share.to_dict() for label, share in self.recall.items()},
        }
