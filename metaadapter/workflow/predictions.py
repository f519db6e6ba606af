"""What an adapter predicts for pictures, and how much of it is correct."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from metaadapter.adapter.known import (
    known_probabilities,
    known_threshold,
    prediction_sets,
    require_fraction,
)
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.weights import probabilities
from metaadapter.data.crop import Box
from metaadapter.errors import UsageError
from metaadapter.features.encoded_pictures import EncodedPictures

UNKNOWN = "unknown"
"""The answer where a picture shows none of the classes."""


class Prediction(NamedTuple):
    """What is predicted for one picture, or for one box of it."""

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
    known: float | None = None
    """The probability that it shows one of the classes at all; `None` where that cannot be told."""
    unfamiliar: bool = False
    """Whether that probability is below the threshold."""
    set: tuple[str, ...] | None = None
    """The classes that it may show, the most probable first, where sets were asked for."""
    box: Box | None = None
    """The part of the picture that it is of; `None` for the whole."""
    detected: str | None = None
    """What a detector takes the box for; `None` without a detector, or where it found nothing."""
    confidence: float | None = None
    """The detector's own."""
    time: str | None = None
    """When the picture was taken (ISO 8601), where that was asked for and the file tells."""
    series: str | None = None
    """The name of the series that the picture belongs to, where series were asked for."""

    @property
    def rejected(self) -> Prediction:
        """This one, with the answer `UNKNOWN` and what was the answer as the runner-up."""
        return self._replace(
            label=UNKNOWN,
            probability=1 - (self.known or 0.0),
            runner_up=self.label,
            runner_up_probability=self.probability,
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; what detectors and cameras tell is in it where there is any."""
        return {
            key: value
            for key, value in self._asdict().items()
            if key != "true_label" and (value is not None or key not in OF_FRAMES)
        }


OF_FRAMES = ("box", "detected", "confidence", "time", "series")


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """How probable each class is for some pictures, and that it is any of them at all."""

    classes_NC: Float[np.ndarray, "n C"]
    known_N: Float[np.ndarray, " n"] | None
    """`None` where that cannot be told."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked beside the labels."""

    reject: bool = False
    """Answer `UNKNOWN` for what looks unfamiliar."""
    keep: float | None = None
    """The fraction of pictures of the classes that are not to look unfamiliar; the adapter's own
    by default."""
    coverage: float | None = None
    """How often the own class is to be in the set; no sets by default."""

    def require(self, stored: StoredAdapter, owner: Path) -> None:
        """Check that the adapter `owner` can answer.

        Raises:
            UsageError: It cannot tell what is unknown, a fraction is out of range, or a class of
                its own has the name of what it would answer.
        """
        if self.reject and UNKNOWN in map(str, stored.config.classes):
            raise UsageError(
                f"the adapter {owner} has a class {UNKNOWN!r}, which --reject would answer too; "
                "adapt again with that folder as --background, or without it"
            )
        if stored.weights.known_head is None:
            if self.reject or self.keep is not None or self.coverage is not None:
                raise UsageError(
                    f"the adapter {owner} cannot tell what is unknown, which --reject, --keep and "
                    "--sets need: an older version or a generator of your own made it; adapt again"
                )
            return
        for option, fraction in (("--keep", self.keep), ("--sets", self.coverage)):
            if fraction is not None:
                require_fraction(fraction, option)


def predict_pictures(
    stored: StoredAdapter,
    pictures: EncodedPictures,
    asked: Asked | None = None,
    reconsider: Callable[[Shares], Shares] = lambda shares: shares,
) -> list[Prediction]:
    """One prediction for each picture, in their order.

    `reconsider` may change the probabilities, by what is known beside the pictures, before anything
    is made of them.
    """
    asked = asked or Asked()
    weights, features = stored.weights, torch.from_numpy(pictures.features)
    can_tell = weights.known_head is not None
    known = known_probabilities(features, weights).numpy() if can_tell else None
    shares = reconsider(Shares(probabilities(features, weights).numpy(), known))
    found = _answered(stored, pictures, shares.classes_NC)
    if shares.known_N is None:
        return found
    least = float(known_threshold(weights, asked.keep))
    found = [
        each._replace(known=share, unfamiliar=share < least)
        for each, share in zip(found, shares.known_N.tolist(), strict=True)
    ]
    if asked.coverage is not None:
        rows = torch.from_numpy(shares.classes_NC).double().reshape(len(found), -1)
        sets = prediction_sets(rows, weights, asked.coverage)
        found = [
            each._replace(set=_set_of(each, is_in)) for each, is_in in zip(found, sets, strict=True)
        ]
    return [each.rejected if asked.reject and each.unfamiliar else each for each in found]


def _set_of(prediction: Prediction, is_in: torch.Tensor) -> tuple[str, ...]:
    shares = prediction.probabilities
    labels = [label for label, chosen in zip(shares, is_in.tolist(), strict=True) if chosen]
    return tuple(sorted(labels, key=lambda label: -shares[label]))


def _answered(
    stored: StoredAdapter, pictures: EncodedPictures, rows: Float[np.ndarray, "n C"]
) -> list[Prediction]:
    classes = [str(label) for label in stored.config.classes]
    support = set(stored.picture_hashes)
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
        return sorted(predictions, key=lambda it: -it.probabilities.get(label, 0.0))
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
        return cls.of_counts(pictures, correct)

    @classmethod
    def of_counts(cls, pictures: Counter[str], correct: Counter[str]) -> Scores:
        """The scores of so many pictures of each class, and so many correct predictions of them."""
        recall = {label: Proportion(correct[label], n) for label, n in sorted(pictures.items())}
        return cls(Proportion(correct.total(), pictures.total()), recall)

    def told(self) -> list[str]:
        """Lines for a person."""
        recall = [f"  {label}: {proportion}" for label, proportion in self.recall.items()]
        return [f"predicted correctly: {self.accuracy}", *recall]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        recall = {label: proportion.to_dict() for label, proportion in self.recall.items()}
        return {"accuracy": self.accuracy.to_dict(), "recall": recall}
