"""What an adapter says about pictures: labels with probabilities, in an order, as a table."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

import numpy as np
from jaxtyping import Float

from metaadapter.errors import DataError

__all__ = ["Prediction", "predictions_of", "ranked", "write_csv"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """One picture.

    Attributes:
        path: as it was given.
        probabilities: class → probability, in the adapter's order; they sum to 1.
        label: the most probable class.
        runner_up: the next.
        in_support: whether the adapter was predicted from this very picture.
    """

    path: str
    probabilities: dict[str, float]
    label: str
    runner_up: str
    in_support: bool

    @property
    def probability(self) -> float:
        """Of the label."""
        return self.probabilities[self.label]

    @property
    def runner_up_probability(self) -> float:
        """Of the runner-up."""
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


def predictions_of(
    paths: Sequence[str],
    in_support: Sequence[bool],
    classes: Sequence[str],
    shares: Float[np.ndarray, "n N"],
) -> list[Prediction]:
    """One prediction per picture; `classes` names the columns of the probabilities."""
    best = np.argsort(-shares, axis=1, kind="stable")[:, :2]
    return [
        Prediction(
            path,
            dict(zip(classes, map(float, row), strict=True)),
            label=classes[first],
            runner_up=classes[second],
            in_support=known,
        )
        for path, known, row, (first, second) in zip(paths, in_support, shares, best, strict=True)
    ]


def ranked(
    predictions: Iterable[Prediction],
    *,
    label: str | None,
    order: Literal["sure", "doubtful"] | None,
) -> list[Prediction]:
    """By the probability of `label`, largest first; or by that of each picture's own label."""
    if label is not None:
        return sorted(predictions, key=lambda it: -it.probabilities[label])
    if order == "sure":
        return sorted(predictions, key=lambda it: -it.probability)
    if order == "doubtful":
        return sorted(predictions, key=lambda it: it.probability)
    return list(predictions)


def write_csv(path: Path, predictions: Sequence[Prediction], classes: Sequence[str]) -> None:
    """Write a row per picture, with the probability of each class; whole or not at all.

    Raises:
        DataError: the file cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        # A file name of undecodable bytes comes back as the same bytes.
        with partial.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            _write_rows(file, predictions, classes)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise DataError(f"cannot write {path}: {error.strerror}; choose another --csv") from error


def _write_rows(file: TextIO, predictions: Sequence[Prediction], classes: Sequence[str]) -> None:
    lines = csv.writer(file)
    head = ["path", "label", "probability", "runner_up", "runner_up_probability"]
    lines.writerow([*head, *(f"p_{label}" for label in classes)])
    for it in predictions:
        shares = [it.probabilities[label] for label in classes]
        row = [it.path, it.label, it.probability, it.runner_up, it.runner_up_probability]
        lines.writerow([*row, *shares])
