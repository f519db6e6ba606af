"""What a continual evaluation found, as a value: page, Markdown and JSON are views of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from metaadapter.bench.evaluation.integrity import Box
from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report.by_shots import ByShots
from metaadapter.bench.report.evaluation_result import plain
from metaadapter.bench.report.evaluation_run import Row

Matrices = Mapping[str, Mapping[int, tuple[tuple[float, ...], ...]]]
"""Learner → shots → a row for each number of tasks learned, a column a task; NaN: not asked."""
Curve = Mapping[str, Mapping[int, tuple[Estimate, ...]]]
"""Learner → shots → an estimate for each number of tasks learned, from 1."""


@dataclass(frozen=True, slots=True)
class ContinualResult:
    """The whole; accuracies are fractions of 1, means over the draws."""

    setting: str
    reference: str
    methods: tuple[str, ...]
    """The best Last first, of the most shots."""
    featured: tuple[str, ...]
    """Those that figures tell apart: the reference, then the best of the others."""
    shots: tuple[int, ...]
    tasks: tuple[str, ...]
    """Names of the tasks in their order, by their numbers where seeds draw it."""
    headline: str
    figures: Mapping[str, ByShots]
    """Measure → learner → shots."""
    gain: Mapping[str, ByShots]
    """Likewise, the reference less each learner, draw by draw."""
    accuracy: Matrices
    """On each task after each."""
    identified: Matrices
    """The fraction of queries with a class of the right task; empty where the task is told."""
    mean_curve: Curve
    """The mean accuracy over the tasks asked about."""
    first_curve: Curve
    """The accuracy on the task that was learned first."""
    sets: Mapping[str, Row]
    """Pictures, classes and encoder, by name."""
    boxes: tuple[Box, ...]
    intervals: str
    versions: Mapping[str, str]
    command: str
    seeds: tuple[int, ...]
    record: str

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; an interval of a single draw and what was not asked are null."""
        found: dict[str, Any] = plain(asdict(self))
        return found
