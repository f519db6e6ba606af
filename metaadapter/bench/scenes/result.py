"""The result of a study: means over draws with intervals, and differences draw by draw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from metaadapter.bench.evaluation.cell import CellResult
from metaadapter.bench.evaluation.summary import Estimate, differences, means
from metaadapter.bench.evaluation.tables import gathered, table
from metaadapter.bench.report.evaluation_result import plain
from metaadapter.bench.report.evaluation_run import ByShots, by_shots
from metaadapter.bench.scenes.methods import MEASURES, OURS, OVERALL, OWN

STORE = "frames"
"""The store in all cells."""


@dataclass(frozen=True, slots=True)
class StudyResult:
    """All values that the report of a study shows."""

    source: str
    counts: Mapping[str, int]
    n_scenes: Mapping[str, int]
    background: Sequence[str]
    """Classes of frames without an animal."""
    shots: Sequence[int]
    n_queries: float
    """The mean number of queries in a draw."""
    learned: Mapping[int, float]
    """Shots → the mean number of labelled frames in a draw."""
    methods: Sequence[str]
    n_draws: Mapping[str, int]
    means: Mapping[str, ByShots]
    """Measure → method → shots → mean over draws."""
    differences: ByShots
    """Method → shots → macro-F1 of metaadapter minus that of the method, draw by draw."""
    species: Mapping[str, Mapping[int, Mapping[str, Mapping[str, Estimate]]]]
    encoder: str
    how: str
    """The rules by which frames form scenes, as sentences."""
    seed: int
    versions: Mapping[str, str]

    def best_peer(self, shots: int) -> str:
        """Return the peer with the highest macro-F1 at this number of shots."""
        peers = [method for method in self.methods if method not in OURS]
        return max(peers, key=lambda method: self.means["macro_f1"][method][shots].mean)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; the half-width of a single draw is null."""
        document: dict[str, Any] = plain(asdict(self))
        return document


def summarise(results: Iterable[CellResult]) -> dict[str, Any]:
    """Return `means`, `differences`, `species` and `n_draws` of a result, from its cells."""
    rows = table(gathered(results, "rows")).assign(task=0)
    figures, overall = means(rows), rows[rows["part"] == OVERALL]
    less = differences(overall, OWN)
    # metaadapter minus the other method; subtracted from 0, so that no difference is −0.
    gains = less.assign(mean=0.0 - less["mean"])
    species: dict[str, dict[int, dict[str, dict[str, Estimate]]]] = {}
    for row in figures[figures["part"] != OVERALL].itertuples():
        of_shots = species.setdefault(row.method, {}).setdefault(int(row.n_shot), {})
        of_shots.setdefault(row.part, {})[row.metric] = Estimate(row.mean, row.half)
    tables = {measure: by_shots(figures, STORE, OVERALL, measure) for measure in MEASURES}
    return {
        # Without empty frames there are no false alarms.
        "means": {measure: of_methods for measure, of_methods in tables.items() if of_methods},
        "differences": by_shots(gains, STORE, OVERALL, "macro_f1"),
        "species": species,
        "n_draws": dict(Counter(overall["method"][overall["n_shot"] == overall["n_shot"].min()])),
    }
