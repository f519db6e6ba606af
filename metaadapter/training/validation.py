"""Where a run stands: accuracy and loss by shots on fixed tasks of the validation sets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, Literal

from pydantic import TypeAdapter

from metaadapter.data.strict_json import json_text

Kind = Literal["classes", "domains"]
Tables = dict[Kind, dict[str, dict[int, float]]]
"""Held-out classes and held-out domains → set → shots → a figure."""


@dataclass(frozen=True, slots=True)
class Validation:
    """One round: figures of each set at each number of shots."""

    step: int
    accuracy: Tables
    """Fraction of the queries that are classified correctly; in a run for the head that tells known
    pictures alone, of known and strange pictures that are told rightly."""
    loss: Tables
    """Cross-entropy of the queries divided by log(ways): 1 is guessing; or `known_loss`."""

    @property
    def mean_accuracy(self) -> float:
        """The mean of both kinds, each the mean over its sets and shots; that of one kind alone."""
        return _mean_of_kinds(self.accuracy)

    @property
    def mean_loss(self) -> float:
        """The mean loss of both kinds. It chooses: unlike accuracy it also sees confidence."""
        return _mean_of_kinds(self.loss)

    @property
    def score(self) -> float:
        """1 less the mean loss: the best round has the highest score."""
        return 1 - self.mean_loss

    @property
    def by_shots(self) -> dict[int, float]:
        """The mean accuracy over all sets at each number of shots."""
        tables = [table for sets in self.accuracy.values() for table in sets.values()]
        shots = sorted({n_shot for table in tables for n_shot in table})
        return {
            n_shot: fmean(table[n_shot] for table in tables if n_shot in table) for n_shot in shots
        }

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"step": self.step, "score": self.score, **asdict(self)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Validation:
        """Read what `to_dict` gave, also after JSON turned the numbers of shots into text."""
        return TypeAdapter(cls).validate_python(stored)


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a run stands after one of its steps, or before the first."""

    step: int
    validation: Validation | None
    """The round after this step, if there was one."""
    terms: Mapping[str, float]
    """Each loss term, unweighted, and the weighted "total": means over the draws of the step."""
    lr: float = 0.0
    grad_norm: float = 0.0
    """The norm of the gradient before it is cut."""
    tasks_per_second: float = 0.0
    n_skipped: int = 0
    """Steps so far without effect: a loss or a gradient was not finite, or no task had a pool."""

    def log_line(self, seconds: float) -> bytes:
        """One line of JSON, such as `{"step": 10, "loss": {"query": 0.41}}`; null if not finite."""
        figures: dict[str, Any] = {"step": self.step, "seconds": round(seconds, 3)}
        if self.terms:
            figures |= {
                "loss": self.terms,
                "lr": self.lr,
                "grad_norm": self.grad_norm,
                "tasks_per_second": round(self.tasks_per_second, 1),
                "n_skipped": self.n_skipped,
            }
        if self.validation:
            figures["validation"] = self.validation.to_dict()
        return json_text(_finite(figures)).encode() + b"\n"


def _mean_of_kinds(tables: Tables) -> float:
    kinds = [sets for sets in tables.values() if sets]
    return fmean(fmean(fmean(table.values()) for table in sets.values()) for sets in kinds)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
