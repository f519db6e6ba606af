"""The figures of the answers of one method on one draw."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sklearn.metrics import precision_recall_fscore_support

RATES = ("precision", "recall", "f1")
Figures = dict[str, Any]
"""The figures of a cell, as a journal keeps them.

- `macro_f1`: the mean F1 of the species, without the background.
- `accuracy`: the fraction of correct answers about all frames.
- `false_alarms`: of a thousand frames of the background, those that are answered with a species;
  None without a background.
- `species`: class, also of the background → `RATES`, 0 where they are undefined.
- `seconds`: the time to fit, without the encoding of pictures where the encoder is frozen.
- `trained`: the number of trained numbers.
"""


def measure_answers(
    labels: Sequence[str],
    answers: Sequence[str],
    background: Collection[str],
    seconds: float,
    trained: int,
) -> Figures:
    """Compare answers with labels; `background` are the classes of frames without an animal."""
    classes = sorted(set(labels))
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, answers, labels=classes, zero_division=0
    )
    rates = zip(precision.tolist(), recall.tolist(), f1.tolist(), strict=True)
    species = {name: list(row) for name, row in zip(classes, rates, strict=True)}
    f1_of_animals = [row[2] for name, row in species.items() if name not in background]
    pairs = list(zip(labels, answers, strict=True))
    is_alarm = [answer not in background for label, answer in pairs if label in background]
    return {
        "macro_f1": sum(f1_of_animals) / len(f1_of_animals),
        "accuracy": sum(label == answer for label, answer in pairs) / len(pairs),
        "false_alarms": 1000 * sum(is_alarm) / len(is_alarm) if is_alarm else None,
        "species": species,
        "seconds": seconds,
        "trained": trained,
    }
