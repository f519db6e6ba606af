"""The figures of a study: means over draws with intervals, and differences draw by draw."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.scenes.cells import Cell
from metaadapter.bench.scenes.figures import Figures
from metaadapter.bench.scenes.methods import OURS, OWN

RATES = ("precision", "recall", "f1")
MEASURES = ("macro_f1", "accuracy", "false_alarms", "seconds", "trained")
Means = Mapping[str, Mapping[int, Estimate]]
"""Method → shots → mean."""


@dataclass(frozen=True, slots=True)
class StudyResult:
    """All that the report tells.

    Attributes:
        source: Where the frames are.
        counts: Class → number of frames.
        n_scenes: Class → number of scenes that show it.
        background: Classes of frames without an animal.
        shots: Labelled frames of each class.
        learned: Shots → frames that were learned from, in the mean over draws.
        n_queries: Frames asked about, in the mean over draws.
        methods: In the order asked for.
        n_draws: Method → how many draws it was measured on.
        means: Measure → method → shots → mean over draws.
        differences: Method → shots → macro-F1 of metaadapter less that of the method, paired.
        species: Method → shots → class → precision, recall and F1.
        encoder: Its name.
        how: How scenes were told.
        seed: Of the draws.
        versions: Package → version.
    """

    source: str
    counts: Mapping[str, int]
    n_scenes: Mapping[str, int]
    background: Sequence[str]
    shots: Sequence[int]
    learned: Mapping[int, float]
    n_queries: float
    methods: Sequence[str]
    n_draws: Mapping[str, int]
    means: Mapping[str, Means]
    differences: Means
    species: Mapping[str, Mapping[int, Mapping[str, Sequence[Estimate]]]]
    encoder: str
    how: str
    seed: int
    versions: Mapping[str, str]

    def best_peer(self, shots: int) -> str:
        """The method of others with the highest macro-F1."""
        peers = [method for method in self.methods if method not in OURS]
        return max(peers, key=lambda method: self.means["macro_f1"][method][shots].mean)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; a half-width is null for a single draw."""
        return {
            **{
                name: getattr(self, name)
                for name in ("source", "counts", "n_scenes", "background", "shots", "n_queries")
            },
            "learned": {str(k): n for k, n in self.learned.items()},
            "methods": [*self.methods],
            "n_draws": dict(self.n_draws),
            "means": {name: _plain(means) for name, means in self.means.items()},
            "differences": _plain(self.differences),
            "species": {
                method: {
                    str(k): {
                        name: dict(zip(RATES, map(_figure, row), strict=True))
                        for name, row in rows.items()
                    }
                    for k, rows in by_shots.items()
                }
                for method, by_shots in self.species.items()
            },
            "encoder": self.encoder,
            "how": self.how,
            "seed": self.seed,
            "versions": dict(self.versions),
        }


def summarise(
    cells: Mapping[Cell, Figures], methods: Sequence[str], shots: Sequence[int]
) -> dict[str, Any]:
    """`means`, `differences`, `species` and `n_draws` of a result, from the cells of a study."""
    by_method = {
        method: {
            k: {cell.draw: own for cell, own in cells.items() if cell[:2] == (method, k)}
            for k in shots
        }
        for method in methods
    }
    means: dict[str, dict[str, dict[int, Estimate]]] = {
        measure: {
            method: {
                k: _mean(getattr(each, measure) for each in found.values())
                for k, found in by_shots.items()
            }
            for method, by_shots in by_method.items()
        }
        for measure in MEASURES
        if all(getattr(each, measure) is not None for each in cells.values())
    }
    own = by_method[OWN]
    differences = {
        method: {
            k: _mean(own[k][draw].macro_f1 - each.macro_f1 for draw, each in found.items())
            for k, found in by_shots.items()
        }
        for method, by_shots in by_method.items()
        if method != OWN
    }
    species = {
        method: {
            k: {
                name: [_mean(each.species[name][i] for each in found.values()) for i in range(3)]
                for name in next(iter(found.values())).species
            }
            for k, found in by_shots.items()
        }
        for method, by_shots in by_method.items()
    }
    n_draws = {method: len(by_shots[shots[0]]) for method, by_shots in by_method.items()}
    return {
        "means": means,
        "differences": differences,
        "species": species,
        "n_draws": n_draws,
    }


def _mean(values: Iterable[float]) -> Estimate:
    return Estimate.over_stores([np.array([*values], dtype=np.float64)])


def _figure(estimate: Estimate) -> dict[str, float | None]:
    half = None if math.isnan(estimate.half) else estimate.half
    return {"mean": estimate.mean, "half": half}


def _plain(means: Means) -> dict[str, Any]:
    return {
        method: {str(k): _figure(each) for k, each in by_shots.items()}
        for method, by_shots in means.items()
    }
