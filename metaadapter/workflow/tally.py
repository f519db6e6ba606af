"""What is told of predictions at the end, counted as they come: it needs no memory of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from metaadapter.data.inputs import UnreadableImage
from metaadapter.workflow.predictions import Prediction, Scores


@dataclass(slots=True)
class Tally:
    """Counts of predictions, and what was noticed about their pictures."""

    n: int = 0
    """Predictions."""
    n_unfamiliar: int = 0
    in_support: list[str] = field(default_factory=list)
    """Paths of pictures that the adapter was predicted from."""
    pictures: Counter[str] = field(default_factory=Counter)
    """True label → predictions for pictures of it."""
    correct: Counter[str] = field(default_factory=Counter)
    """True label → those of them that are correct."""
    warnings: list[str] = field(default_factory=list)
    unreadable: list[UnreadableImage] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        predictions: Iterable[Prediction],
        warnings: Iterable[str] = (),
        unreadable: Iterable[UnreadableImage] = (),
    ) -> Tally:
        """Count some predictions."""
        tally = cls(warnings=[*warnings], unreadable=[*unreadable])
        for each in predictions:
            tally.n += 1
            tally.n_unfamiliar += each.unfamiliar
            tally.in_support += [each.path] if each.in_support else []
            tally.pictures[each.true_label] += 1
            tally.correct[each.true_label] += each.label == each.true_label
        return tally

    def add(self, other: Tally) -> None:
        """Count those of another tally, too."""
        self.n += other.n
        self.n_unfamiliar += other.n_unfamiliar
        self.in_support += other.in_support
        self.pictures.update(other.pictures)
        self.correct.update(other.correct)
        self.warnings += other.warnings
        self.unreadable += other.unreadable

    @property
    def scores(self) -> Scores:
        """The scores of labelled pictures."""
        return Scores.of_counts(self.pictures, self.correct)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "n": self.n,
            "n_unfamiliar": self.n_unfamiliar,
            "in_support": self.in_support,
            "pictures": self.pictures,
            "correct": self.correct,
            "warnings": self.warnings,
            "unreadable": [[str(each.path), each.reason] for each in self.unreadable],
        }

    @classmethod
    def of_dict(cls, values: Mapping[str, Any]) -> Tally:
        """The inverse of `to_dict`; a `KeyError`, `TypeError` or `ValueError` where it is none."""
        return cls(
            n=int(values["n"]),
            n_unfamiliar=int(values["n_unfamiliar"]),
            in_support=[*values["in_support"]],
            pictures=Counter(values["pictures"]),
            correct=Counter(values["correct"]),
            warnings=[*values["warnings"]],
            unreadable=[UnreadableImage(path, reason) for path, reason in values["unreadable"]],
        )
