"""The figures of a run: its validation rounds, and the moments after its steps."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, Literal

from pydantic import TypeAdapter
from torch import Tensor

from metaadapter.files.strict_json import json_text

Kind = Literal["classes", "domains"]
Tables = dict[Kind, dict[str, dict[int, float]]]
"""Held-out classes or domains → set → shots → a figure."""


@dataclass(frozen=True, slots=True)
class Validation:
    """One validation round: the figures of each set at each number of shots."""

    step: int
    accuracy: Tables
    """The fraction of correctly classified queries; in a run that trains only the known head, the
    fraction of known and unknown pictures that it separates correctly."""
    loss: Tables
    """Cross-entropy of the queries / log(ways), so that guessing is 1; or `known_loss`."""

    @property
    def mean_accuracy(self) -> float:
        """The mean of held-out classes and domains, each first averaged over its sets and shots."""
        return _mean_of_kinds(self.accuracy)

    @property
    def mean_loss(self) -> float:
        """The same mean of the loss. It selects the best round, for it also measures confidence."""
        return _mean_of_kinds(self.loss)

    @property
    def score(self) -> float:
        """1 − mean loss: the best round has the highest score."""
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
        """Return the JSON form."""
        return {"step": self.step, "score": self.score, **asdict(self)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Validation:
        """Read the JSON form, in which the numbers of shots are text."""
        return TypeAdapter(cls).validate_python(stored)


@dataclass(frozen=True, slots=True)
class Moment:
    """The figures of a run after one of its steps, or before the first."""

    step: int
    validation: Validation | None
    """The validation after this step, if there was one."""
    terms: Mapping[str, float]
    """The loss terms, unweighted, and the weighted "total": means over the draws of the step."""
    lr: float = 0.0
    grad_norm: float = 0.0
    """The norm of the gradient before it is scaled."""
    tasks_per_second: float = 0.0
    n_skipped: int = 0
    """Steps skipped so far: a loss or a gradient was not finite, or no task had a pool."""

    def log_line(self, seconds: float) -> bytes:
        """Return a line of JSON, such as `{"step": 10, "loss": {"query": 0.41}}`; NaN is null."""
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


def mean_terms(draws: Sequence[Mapping[str, Tensor]]) -> dict[str, float]:
    """Return the loss terms by name: means over the draws of a step that have the term."""
    of_terms = defaultdict[str, list[float]](list)
    for draw in draws:
        for name, term in draw.items():
            of_terms[name].append(float(term.detach()))
    return {name: fmean(numbers) for name, numbers in of_terms.items()}
