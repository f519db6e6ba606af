"""The result of a continual evaluation; page, Markdown and JSON show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from metaadapter.bench.evaluation.integrity import Box
from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report.evaluation_result import plain
from metaadapter.bench.report.evaluation_run import ByShots, Row

Matrices = Mapping[str, Mapping[int, tuple[tuple[float, ...], ...]]]
"""Learner → shots → a row for each number of tasks learned, a column for each task; NaN where the
task had no queries then."""
Curve = Mapping[str, Mapping[int, tuple[Estimate, ...]]]
"""Learner → shots → an estimate for each number of tasks learned, from 1."""


@dataclass(frozen=True, slots=True)
class ContinualResult:
    """Accuracies are fractions of 1, means over the draws."""

    setting: str
    reference: str
    methods: tuple[str, ...]
    """By their measure `last` with the most shots, the best first."""
    featured: tuple[str, ...]
    """The learners that plots distinguish: the reference, then the best of the others."""
    shots: tuple[int, ...]
    tasks: tuple[str, ...]
    """Names of the tasks in their order; numbers where seeds draw the order."""
    headline: str
    figures: Mapping[str, ByShots]
    """Measure → learner → shots."""
    gain: Mapping[str, ByShots]
    """In the same form: the reference less each learner, draw by draw."""
    accuracy: Matrices
    """The accuracy on each task after each task."""
    identified: Matrices
    """The fraction of queries with a class of the right task; empty where the task is given."""
    mean_curve: Curve
    """The mean accuracy over the tasks with queries."""
    first_curve: Curve
    """The accuracy on the first task."""
    sets: Mapping[str, Row]
    """Name → pictures, classes and encoder."""
    boxes: tuple[Box, ...]
    intervals: str
    versions: Mapping[str, str]
    command: str
    seeds: tuple[int, ...]
    record: str

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; an interval of a single draw and an empty cell of a matrix are null."""
        document: dict[str, Any] = plain(asdict(self))
        return document
