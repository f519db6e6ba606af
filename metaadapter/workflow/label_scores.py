"""How good the probabilities of several labels are: average precision, F1 and calibration."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

N_BINS = 15
"""The number of bins of the calibration error, as for one label."""


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
    known_NC: Bool[np.ndarray, "n C"] | None = None,
) -> LabelScores:
    """Return the scores of probabilities of pictures whose classes are known."""
    from sklearn.metrics import average_precision_score

    known_NC = np.ones_like(shows_NC) if known_NC is None else known_NC
    precision, f1, hindsight = [], [], []
    for p, shows, known, threshold in zip(p_NC.T, shows_NC.T, known_NC.T, threshold_C, strict=True):
        p, shows = p[known], shows[known]
        if shows.all() or not shows.any():
            continue
        precision.append(average_precision_score(shows, p))
        f1.append(_f1(p >= threshold, shows))
        hindsight.append(best_f1(p, shows))
    means = [100 * float(np.mean(of)) if of else np.nan for of in (precision, f1, hindsight)]
    error = calibration_error(p_NC[known_NC], shows_NC[known_NC])
    return LabelScores(means[0], means[1], means[2], error, len(precision))


def _f1(answer: Bool[np.ndarray, " n"], shows: Bool[np.ndarray, " n"]) -> float:
    return float(2 * (answer & shows).sum() / max(1, answer.sum() + shows.sum()))


def best_f1(p: Float[np.ndarray, " n"], shows: Bool[np.ndarray, " n"]) -> float:
    """Return the largest F1 of any threshold; equal probabilities are answered alike."""
    order = np.argsort(-p, kind="stable")
    n_right, n_answered = np.cumsum(shows[order]), np.arange(1, len(p) + 1)
    is_last = np.append(p[order][1:] != p[order][:-1], True)
    return float((2 * n_right / (n_answered + shows.sum()))[is_last].max())


def calibration_error(p: Float[np.ndarray, " n"], shows: Bool[np.ndarray, " n"]) -> float:
    """Return the expected calibration error in percent, with bins of equal width."""
    if not len(p):
        return float("nan")
    bins = np.minimum((p * N_BINS).astype(int), N_BINS - 1)
    gap = np.bincount(bins, weights=p - shows, minlength=N_BINS)
    return float(100 * np.abs(gap).sum() / len(p))
