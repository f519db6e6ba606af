"""The result of an evaluation as a value, of which page, Markdown and JSON are three views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from metaadapter.bench.evaluation.integrity import Box
from metaadapter.bench.evaluation.summary import Ranks
from metaadapter.bench.report.evaluation_run import ByShots, Row
from metaadapter.bench.report.pool_gain import PoolGain
from metaadapter.bench.report.set_errors import SetErrors


@dataclass(frozen=True, slots=True)
class Part:
    """The figures of one part of the classes, judged among themselves."""

    part: str
    """"all", or "base", "new" and "harmonic", the harmonic mean of both accuracies."""
    accuracy: Mapping[str, ByShots]
    """The accuracy on each set, and over the sets, as fractions of 1."""
    gain: Mapping[str, ByShots]
    """The reference less each method, paired by draw; by set, and over the sets."""
    ranks: Ranks | None


@dataclass(frozen=True, slots=True)
class Strangers:
    """The part of a report on strangers; the figures are in `EvaluationResult.quality`."""

    told: str
    methods: tuple[str, ...]
    """In the order of the configuration, also those that share the answers of another method."""
    metrics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """All that a report says of an evaluation."""

    reference: str
    methods: tuple[str, ...]
    """The best mean rank first; of several methods with the same answers, one."""
    featured: tuple[str, ...]
    """The methods with a colour of their own: the reference, then the best of the others."""
    judged: str
    """The part that all figures but accuracy, gains and ranks are of."""
    path: tuple[str, ...]
    """The methods of the gradient path, by their number of steps, if it was measured."""
    shots: tuple[int, ...]
    headline: str
    parts: tuple[Part, ...]
    quality: Mapping[str, ByShots]
    """Further metrics that were measured, by name; means over the sets. Those of strangers have all
    methods, also those that share the answers of another method."""
    reliability: Mapping[str, Mapping[int, tuple[Row, ...]]]
    """Method → fewest and most shots → bins that are not empty, over all sets: `n` answers, their
    mean `confidence`, and the fraction `correct`."""
    seconds: Mapping[str, Mapping[int, float]]
    """Method → number of shots → seconds to fit and to answer a task, mean over sets and draws."""
    costs: Mapping[str, Mapping[str, float | None]]
    """Method → `fit_seconds`, `predict_seconds`, `peak_mib` (beyond what was held before the fit)
    and `trained_parameters` of a task with the most shots, the mean over sets and draws. Tasks
    that were fitted side by side share the seconds evenly; the memory is of all."""
    sets: tuple[SetErrors, ...]
    boxes: tuple[Box, ...]
    intervals: str
    strangers: Strangers | None
    pool: str
    """A note on the pools of unlabelled pictures; "" without pools."""
    pool_gain: tuple[PoolGain, ...]
    """Empty if no method was measured with the pool and without, or if all pools are alike."""
    versions: Mapping[str, str]
    command: str
    seeds: tuple[int, ...]
    record: str

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; an interval of a single draw is null."""
        document: dict[str, Any] = plain(asdict(self))
        return document


def plain(value: Any) -> Any:
    """The JSON form of values in mappings and sequences; NaN is null."""
    if isinstance(value, Mapping):
        return {str(key): plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain(member) for member in value]
    return None if isinstance(value, float) and value != value else value
