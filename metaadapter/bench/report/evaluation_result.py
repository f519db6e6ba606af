"""What an evaluation found, as a value: page, Markdown and JSON are three views of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from metaadapter.bench.evaluation.integrity import Box
from metaadapter.bench.evaluation.summary import Estimate, Ranks

ByShots = Mapping[str, Mapping[int, Estimate]]
"""Method → number of shots → estimate."""
Row = Mapping[str, Any]
"""Column → value."""


@dataclass(frozen=True, slots=True)
class PartFound:
    """Classes judged among themselves."""

    part: str
    """"all", or "base", "new" and "harmonic", the harmonic mean of both accuracies."""
    accuracy: Mapping[str, ByShots]
    """By set, and over the sets, as fractions of 1."""
    gain: Mapping[str, ByShots]
    """The reference less each method, paired by draw; by set, and over the sets."""
    ranks: Ranks | None


@dataclass(frozen=True, slots=True)
class SetFound:
    """How the reference errs on one set, with the most shots, over all draws."""

    name: str
    facts: Row
    """Pictures, classes and encoder."""
    names: Mapping[str, str]
    """Label → as it is shown: its readable name, if no other class has the same."""
    classes: tuple[str, ...]
    """Those of the confusion matrix: all, or the ones confused most."""
    n_classes: int
    counts: tuple[tuple[int, ...], ...]
    """True class × predicted class; the rows lack what other classes took."""
    n_true: tuple[int, ...]
    """Answers about pictures of each of `classes`."""
    confusions: tuple[Row, ...]
    """The most frequent first: `true`, `predicted`, `n`, and `n_true` answers about that class."""
    hardest: tuple[Row, ...]
    """`name`, `recall`, `zero_shot` (recall by the class names alone, or None), `n` answers."""
    easiest: tuple[Row, ...]
    mistakes: tuple[Row, ...]
    """`path`, `sha256`, `true`, `predicted`, `confidence` (the largest over the draws) and `own`
    (the probability of the correct class in the same answer)."""


@dataclass(frozen=True, slots=True)
class PoolBin:
    """Tasks with pools of about one size, or of about one evenness."""

    low: float
    high: float
    mean: float
    n_tasks: int
    n_sets: int
    gain: ByShots
    """Each method with the pool less itself without, paired by task, in fractions of 1; the mean
    over the sets."""


@dataclass(frozen=True, slots=True)
class PoolGain:
    """Gains in accuracy from the pool, by bins of one property that pools have."""

    by: str
    """"size", unlabelled pictures a class, or "evenness"."""
    bins: tuple[PoolBin, ...]
    """Two or more, from low to high."""

    @property
    def methods(self) -> tuple[str, ...]:
        """Those that were measured with the pool and without."""
        return tuple(self.bins[0].gain)


@dataclass(frozen=True, slots=True)
class StrangersFound:
    """How pictures of none of the classes were told; the figures are among `quality`."""

    told: str
    """Which strangers there were, and how methods tell them."""
    methods: tuple[str, ...]
    """Also those that give the answers of another one; in the order that was asked for."""
    metrics: tuple[str, ...]
    """What was measured, by name."""


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """The whole."""

    reference: str
    methods: tuple[str, ...]
    """The best mean rank first; of several with the same answers, one."""
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
    """Further metrics that were measured, by name; means over the sets. Those of strangers have all
    methods, also those with the answers of another one."""
    reliability: Mapping[str, Mapping[int, tuple[Row, ...]]]
    """Method → fewest and most shots → bins that are not empty, over all sets: `n` answers, their
    mean `confidence`, and the fraction `correct`."""
    seconds: Mapping[str, Mapping[int, float]]
    """To fit and to answer: method → number of shots → mean over sets and draws, a task."""
    costs: Mapping[str, Mapping[str, float | None]]
    """Method → `fit_seconds`, `predict_seconds`, `peak_mib` (beyond what was held before the fit)
    and `trained_parameters` of a task with the most shots, the mean over sets and draws. Tasks
    that were fitted side by side share the seconds evenly; the memory is of all."""
    sets: tuple[SetFound, ...]
    boxes: tuple[Box, ...]
    intervals: str
    strangers: StrangersFound | None
    """None where there were no strangers."""
    pool: str
    """What methods saw besides labelled pictures; "" where that is nothing."""
    pool_gain: tuple[PoolGain, ...]
    """Empty where no method was measured with the pool and without, or all pools are alike."""
    versions: Mapping[str, str]
    command: str
    seeds: tuple[int, ...]
    record: str

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; an interval of a single draw is null."""
        found: dict[str, Any] = plain(asdict(self))
        return found


def plain(value: Any) -> Any:
    """The JSON form of values in mappings and sequences; NaN is null."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return None if isinstance(value, float) and value != value else value
