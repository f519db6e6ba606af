"""What labelled pictures alone tell of their adapter: its leave-one-out accuracy and mistakes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from metaadapter.classifier import MetaAdapterClassifier
from metaadapter.classifier.leave_one_out import leave_one_out
from metaadapter.generator import shared_generator
from metaadapter.task.labelled_pictures import LabelledPictures
from metaadapter.task.proportion import Proportion

__all__ = ["LeftOutEstimate", "LeftOutMistake", "estimate"]

# Leaving out each of more pictures would take longer than a user waits for a side remark.
MAX_PICTURES = 200
MAX_PICTURES_REFINED = 80  # each takes gradient steps


@dataclass(frozen=True, slots=True)
class LeftOutMistake:
    """A picture that an adapter of all the others predicts wrongly."""

    path: str
    label: str
    """Its own class."""
    predicted: str
    """The most probable class."""
    probability: float
    """The probability of that class."""

    def __str__(self) -> str:
        return f"{self.path}: {self.label}, predicted {self.predicted} ({self.probability:.2f})"

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class LeftOutEstimate:
    """The fraction of left-out pictures that are predicted correctly, and the others."""

    accuracy: Proportion
    mistakes: tuple[LeftOutMistake, ...]


def estimate(
    labelled: LabelledPictures, classifier: MetaAdapterClassifier
) -> LeftOutEstimate | None:
    """Estimate the accuracy of an adapter from its own pictures.

    Each picture is classified by an adapter predicted from all the others and, if the classifier
    took gradient steps, refined by as many. Their number was itself chosen on left-out pictures.

    Returns:
        `None` where that is not defined, because no class has two pictures, or would take long.
    """
    n_max = MAX_PICTURES_REFINED if classifier.n_steps_ else MAX_PICTURES
    if classifier.support_ is None or len(labelled.pictures) > n_max:
        return None
    found = leave_one_out(
        classifier.support_,
        shared_generator(str(classifier.generator))[0],
        n_steps=classifier.n_steps_,
        settings=classifier.fine_tuning,
    )
    if not len(found.labels):
        return None
    classes = classifier.classes_.tolist()
    class_by_class = np.argsort(np.array(labelled.pictures.labels), kind="stable")
    mistakes = [
        LeftOutMistake(
            path=labelled.pictures.paths[class_by_class[found.pictures[i]]],
            label=classes[found.labels[i]],
            predicted=classes[found.predicted[i]],
            probability=float(found.probabilities[i].max()),
        )
        for i in (~found.correct).nonzero()[:, 0].tolist()
    ]
    n_correct = int(found.correct.sum())
    return LeftOutEstimate(Proportion(n_correct, len(found.labels)), tuple(mistakes))
