"""How good predictions are: the accuracy of one label, and the scores of several labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from metaadapter.data.inputs import UnreadableImage

if TYPE_CHECKING:
    from metaadapter.workflow.prediction.predictions import Prediction

N_BINS = 15
"""The number of bins of the calibration error, as for one label."""


@dataclass(frozen=True, slots=True)
class Proportion:
    """A number of correct predictions among `n` predictions."""

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

    def lines(self) -> list[str]:
        """Return the lines of text that a user reads."""
        recall = [f"  {label}: {proportion}" for label, proportion in self.recall.items()]
        return [f"predicted correctly: {self.accuracy}", *recall]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        recall = {label: proportion.to_dict() for label, proportion in self.recall.items()}
        return {"accuracy": self.accuracy.to_dict(), "recall": recall}


@dataclass(slots=True)
class Tally:
    """Counts of predictions, with warnings about their pictures and the unreadable ones."""

    n: int = 0
    n_classified: int = 0
    """The number of predictions by the adapter; a detector made the others."""
    n_unfamiliar: int = 0
    in_support: list[str] = field(default_factory=list)
    """Paths of pictures that the adapter was predicted from."""
    pictures: Counter[str] = field(default_factory=Counter)
    """True label → the number of predictions for its pictures."""
    correct: Counter[str] = field(default_factory=Counter)
    """True label → the number of these predictions that are correct."""
    warnings: list[str] = field(default_factory=list)
    unreadable: list[UnreadableImage] = field(default_factory=list)

    @classmethod
    def of(
        cls, outcomes: Iterable[Prediction | UnreadableImage], warnings: Iterable[str] = ()
    ) -> Tally:
        """Return the tally of some predictions and unreadable pictures, which count once."""
        tally, unreadable = cls(warnings=[*warnings]), dict[str, UnreadableImage]()
        for outcome in outcomes:
            if isinstance(outcome, UnreadableImage):
                unreadable[str(outcome.path)] = outcome  # it may have boxes
                continue
            true_label = outcome.true_label
            tally.n += 1
            tally.n_classified += bool(outcome.probabilities)
            tally.n_unfamiliar += outcome.unfamiliar
            tally.in_support += [outcome.path] if outcome.in_support else []
            tally.pictures[true_label] += 1
            tally.correct[true_label] += outcome.label == true_label
        tally.unreadable = [*unreadable.values()]
        return tally

    def add(self, other: Tally) -> None:
        """Add the counts of another tally."""
        for one in fields(self):
            counts = getattr(self, one.name)
            counts += getattr(other, one.name)
            setattr(self, one.name, counts)

    @property
    def scores(self) -> Scores:
        """Accuracy and recall, if the pictures are labelled."""
        counts = sorted(self.pictures.items())
        recall = {label: Proportion(self.correct[label], n) for label, n in counts}
        return Scores(Proportion(self.correct.total(), self.pictures.total()), recall)


class LabelScores(NamedTuple):
    """Scores in percent; NaN if there is nothing to score."""

    mean_average_precision: float
    """The mean over classes that some picture shows and some picture does not."""
    f1: float
    """The mean over classes of F1 with the given thresholds."""
    f1_in_hindsight: float
    """The same with the thresholds that are best on these very pictures."""
    calibration_error: float
    """The expected calibration error of the probabilities of all classes together."""
    n_classes: int
    """The number of classes in the means."""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; a score that is NaN is null."""
        return {key: None if value != value else value for key, value in self._asdict().items()}


def label_scores(
    p_NC: Float[np.ndarray, "n C"],
    shows_NC: Bool[np.ndarray, "n C"],
    threshold_C: Float[np.ndarray, " C"],
) -> LabelScores:
    """Return the scores of probabilities of pictures whose classes are known."""
    from sklearn.metrics import average_precision_score, f1_score

    precision, f1, hindsight = [], [], []
    for p, shows, threshold in zip(p_NC.T, shows_NC.T, threshold_C, strict=True):
        if shows.all() or not shows.any():
            continue
        precision.append(average_precision_score(shows, p))
        f1.append(f1_score(shows, p >= threshold, zero_division=0))
        hindsight.append(best_f1(p, shows))
    means = [100 * float(np.mean(of)) if of else np.nan for of in (precision, f1, hindsight)]
    error = calibration_error(p_NC.ravel(), shows_NC.ravel())
    return LabelScores(means[0], means[1], means[2], error, len(precision))


def best_f1(p: Float[np.ndarray, " n"], shows: Bool[np.ndarray, " n"]) -> float:
    """Return the largest F1 of any threshold; equal probabilities are answered alike."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(shows, p)
    return float((2 * precision * recall / np.maximum(precision + recall, 1e-12)).max())


def calibration_error(p: Float[np.ndarray, " n"], shows: Bool[np.ndarray, " n"]) -> float:
    """Return the expected calibration error in percent, with bins of equal width."""
    if not len(p):
        return float("nan")
    bins = np.minimum((p * N_BINS).astype(int), N_BINS - 1)
    gap = np.bincount(bins, weights=p - shows, minlength=N_BINS)
    return float(100 * np.abs(gap).sum() / len(p))
