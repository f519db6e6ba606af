"""What an evaluation found, as a value: page, Markdown and JSON are three views of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from metaadapter.evaluation.estimate import Estimate
from metaadapter.evaluation.integrity import Box
from metaadapter.evaluation.ranks import Ranks

__all__ = [
    "ByShots",
    "ClassFound",
    "Confusion",
    "Cost",
    "EvaluationResult",
    "PartFound",
    "ReliabilityBin",
    "SetFound",
    "WorstMistake",
]

ByShots = Mapping[str, Mapping[int, Estimate]]
"""Method → number of shots → estimate."""


@dataclass(frozen=True, slots=True)
class PartFound:
    """Classes judged among themselves."""

    part: str
    """"all", or "base", "new" and "harmonic", the harmonic mean of both accuracies."""
    accuracy: Mapping[str, ByShots]
    """By set, and over the sets, as shares of 1."""
    gain: Mapping[str, ByShots]
    """The reference less each method, paired by draw; by set, and over the sets."""
    ranks: Ranks | None


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Answers of like confidence."""

    n: int
    confidence: float
    """Their mean."""
    right: float
    """Share of them that are right."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a method costs on one task, the mean over sets and draws, with the most shots.

    Tasks that were fitted side by side have their share of the seconds; the memory is of all.
    """

    fit_seconds: float | None
    predict_seconds: float | None
    peak_mib: float | None
    """Beyond what was held before the fit."""
    trained_parameters: float | None


@dataclass(frozen=True, slots=True)
class Confusion:
    """One class taken for another, over all draws."""

    true: str
    called: str
    n: int
    n_true: int
    """Answers about pictures of the true class."""


@dataclass(frozen=True, slots=True)
class ClassFound:
    """How many pictures of a class are found."""

    name: str
    recall: float
    zero_shot: float | None
    """The same by the class names alone."""
    n: int
    """Answers about its pictures, over all draws."""


@dataclass(frozen=True, slots=True)
class WorstMistake:
    """A picture that was called something else with much confidence."""

    path: str
    sha256: str
    true: str
    called: str
    confidence: float
    """The largest over the draws."""
    own: float
    """Probability of its own class in the same answer."""


@dataclass(frozen=True, slots=True)
class SetFound:
    """How the reference errs on one set, with the most shots."""

    name: str
    facts: Mapping[str, Any]
    """Pictures, classes and encoder."""
    names: Mapping[str, str]
    """Label → as it is shown: its readable name, if no other class has the same."""
    classes: tuple[str, ...]
    """Those of the confusion matrix: all, or the ones confused most."""
    n_classes: int
    counts: tuple[tuple[int, ...], ...]
    """True class × class that it was called; the rows lack what other classes took."""
    n_true: tuple[int, ...]
    """Answers about pictures of each of `classes`."""
    confusions: tuple[Confusion, ...]
    """The most frequent first."""
    hardest: tuple[ClassFound, ...]
    easiest: tuple[ClassFound, ...]
    mistakes: tuple[WorstMistake, ...]


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """The whole."""

    reference: str
    methods: tuple[str, ...]
    """The best mean rank first."""
    featured: tuple[str, ...]
    """Those that figures tell apart: the reference, then the best of the others."""
    judged: str
    """The part that all but accuracy, gains and ranks are of."""
    path: tuple[str, ...]
    """The gradient path after more and more steps, where it was measured so."""
    shots: tuple[int, ...]
    headline: str
    parts: tuple[PartFound, ...]
    quality: Mapping[str, ByShots]
    """Further metrics that were measured, by name; means over the sets."""
    reliability: Mapping[str, Mapping[int, tuple[ReliabilityBin, ...]]]
    """Method → fewest and most shots → bins that are not empty, over all sets."""
    seconds: Mapping[str, Mapping[int, float]]
    """To fit and to answer: method → number of shots → mean over sets and draws, a task."""
    costs: Mapping[str, Cost]
    sets: tuple[SetFound, ...]
    boxes: tuple[Box, ...]
    intervals: str
    versions: Mapping[str, str]
    command: str
    seeds: tuple[int, ...]
    record: str

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; an interval of a single draw is null."""
        found: dict[str, Any] = _plain(asdict(self))
        return found


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and value != value else value
