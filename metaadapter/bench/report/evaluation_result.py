"""The result of an evaluation, which the page, the Markdown and the JSON of a report show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from metaadapter.bench.evaluation.integrity import Box
from metaadapter.bench.evaluation.metrics import plain
from metaadapter.bench.evaluation.summary import Ranks
from metaadapter.bench.report.evaluation_run import ByShots, Row
from metaadapter.bench.report.names_axis import NamesAxis
from metaadapter.bench.report.set_errors import SetErrors


@dataclass(frozen=True, slots=True)
class Strangers:
    """The section of a report on strangers; its figures are in `EvaluationResult.quality`."""

    description: str
    methods: tuple[str, ...]
    """In the order of the configuration, also methods that differ only in the score after the @."""
    metrics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """All that a report says of an evaluation."""

    reference: str
    methods: tuple[str, ...]
    """The best mean rank first; of methods that differ only in the score after the @, one."""
    featured: tuple[str, ...]
    """The methods with a colour of their own: the reference, then the best other methods."""
    shots: tuple[int, ...]
    headline: str
    names: str
    """A sentence on made names; "" if all names are the encoder's own."""
    names_axes: tuple[NamesAxis, ...]
    """One for each metric and geometry of made names; none without zero-shot."""
    accuracy: Mapping[str, ByShots]
    """Set, or mean over sets → accuracy, as fractions of 1."""
    gain: Mapping[str, ByShots]
    """Set, or mean over sets → the accuracy of the reference minus each method, paired by draw."""
    gain_by_class: Mapping[str, ByShots]
    """The same gains with intervals over classes."""
    p_by_class: Mapping[str, Mapping[str, Mapping[int, float]]]
    """Set, or mean over sets → method → shots → the p-value of its gain over classes, for all
    methods together (Holm 1979)."""
    ranks: Ranks | None
    quality: Mapping[str, ByShots]
    """Other metric → means over sets; metrics of strangers also have methods with equal labels."""
    reliability: Mapping[str, Mapping[int, tuple[Row, ...]]]
    """Method → fewest and most shots → bins that are not empty, in all sets together: `n` answers,
    their mean `confidence`, and the fraction `correct`."""
    costs: Mapping[str, Mapping[str, float | None]]
    """Method → `fit_seconds`, `predict_seconds` and `peak_mib` (more than before the fit) of a task
    with the most shots, the mean over sets and draws. Tasks that are
    fitted together share the seconds evenly; the memory is that of all of them. {} of sequences."""
    sets: tuple[SetErrors, ...]
    boxes: tuple[Box, ...]
    intervals: str
    strangers: Strangers | None
    pool: str
    """A note on the pools of unlabelled pictures; "" without pools."""
    versions: Mapping[str, str]
    command: str
    seeds: tuple[int, ...]
    record: str

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; the interval of a single draw is null."""
        document: dict[str, Any] = plain(asdict(self))
        return document
