"""What is measured of the answers of one draw."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sklearn.metrics import precision_recall_fscore_support


class Figures(NamedTuple):
    """Figures of one method, draw and number of shots."""

    macro_f1: float
    """The mean F1 of the species; the background is none."""
    accuracy: float
    """Of all frames, those of the background too."""
    false_alarms: float | None
    """Frames of the background that are answered with a species, of a thousand of them."""
    species: Mapping[str, tuple[float, float, float]]
    """Class, also of the background → precision, recall and F1; 0 where they are undefined."""
    seconds: float
    """To fit, without the encoding of pictures where the encoder is frozen."""
    trained: int
    """Numbers that are trained."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {**self._asdict(), "species": {k: [*v] for k, v in self.species.items()}}

    @classmethod
    def of_dict(cls, values: Mapping[str, Any]) -> Figures:
        """The inverse of `to_dict`."""
        species = {name: tuple(figures) for name, figures in values["species"].items()}
        return cls(**{**values, "species": species})


def measure_answers(
    true: Sequence[str],
    answered: Sequence[str],
    background: Collection[str],
    seconds: float,
    trained: int,
) -> Figures:
    """Compare answers with labels; `background` are the classes of frames without an animal."""
    classes = sorted(set(true))
    precision, recall, f1, _ = precision_recall_fscore_support(
        true, answered, labels=classes, zero_division=0
    )
    rows = zip(precision.tolist(), recall.tolist(), f1.tolist(), strict=True)
    species = dict(zip(classes, rows, strict=True))
    animals = [figures[2] for name, figures in species.items() if name not in background]
    pairs = list(zip(true, answered, strict=True))
    empty = [given not in background for label, given in pairs if label in background]
    return Figures(
        sum(animals) / len(animals),
        sum(label == given for label, given in pairs) / len(pairs),
        1000 * sum(empty) / len(empty) if empty else None,
        species,
        seconds,
        trained,
    )
