"""The result of a study: means over draws with intervals, and differences draw by draw."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_fscore_support

from metaadapter.bench.evaluation.cell import Cell
from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report.evaluation_result import plain
from metaadapter.bench.scenes.methods import OURS, OWN

MEASURES = ("macro_f1", "accuracy", "false_alarms", "seconds", "trained")
Means = Mapping[str, Mapping[int, Estimate]]
"""Method → shots → mean."""


@dataclass(frozen=True, slots=True)
class StudyResult:
    """All values of the report."""

    source: str
    counts: Mapping[str, int]
    n_scenes: Mapping[str, int]
    background: Sequence[str]
    """Classes of frames without an animal."""
    shots: Sequence[int]
    n_queries: float
    """The mean number of queries of a draw."""
    learned: Mapping[int, float]
    """Shots → the mean number of labelled frames of a draw."""
    methods: Sequence[str]
    n_draws: Mapping[str, int]
    means: Mapping[str, Means]
    """Measure → method → shots → mean over draws."""
    differences: Means
    """Macro-F1 of metaadapter less that of the method, draw by draw."""
    species: Mapping[str, Mapping[int, Mapping[str, Mapping[str, Estimate]]]]
    encoder: str
    how: str
    """The rules by which frames form scenes."""
    seed: int
    versions: Mapping[str, str]

    def best_peer(self, shots: int) -> str:
        """The peer with the highest macro-F1."""
        peers = [method for method in self.methods if method not in OURS]
        return max(peers, key=lambda method: self.means["macro_f1"][method][shots].mean)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; a half-width is null for a single draw."""
        document: dict[str, Any] = plain(asdict(self))
        return document


def summarise(
    cells: Mapping[Cell, Figures], methods: Sequence[str], shots: Sequence[int]
) -> dict[str, Any]:
    """`means`, `differences`, `species` and `n_draws` of a result, from the cells of a study."""
    of_methods = {
        method: {
            k: {cell.seed: figures for cell, figures in cells.items() if _is_of(cell, method, k)}
            for k in shots
        }
        for method in methods
    }

    def over_draws(value: Callable[[int, int, Figures], float]) -> Means:
        """Means over draws of a value of the shots, the seed and the figures of a cell."""
        return {
            method: {
                k: _mean(value(k, seed, figures) for seed, figures in draws.items())
                for k, draws in by_shots.items()
            }
            for method, by_shots in of_methods.items()
        }

    def gain(k: int, seed: int, figures: Figures) -> float:
        return float(of_methods[OWN][k][seed]["macro_f1"] - figures["macro_f1"])

    differences = over_draws(gain)
    return {
        "means": {
            measure: over_draws(lambda _k, _seed, figures, measure=measure: figures[measure])  # type: ignore[misc]
            for measure in MEASURES
            if all(figures[measure] is not None for figures in cells.values())
        },
        "differences": {method: differences[method] for method in methods if method != OWN},
        "species": {
            method: {
                k: {
                    name: {
                        rate: _mean(figures["species"][name][i] for figures in draws.values())
                        for i, rate in enumerate(RATES)
                    }
                    for name in next(iter(draws.values()))["species"]
                }
                for k, draws in by_shots.items()
            }
            for method, by_shots in of_methods.items()
        },
        "n_draws": {method: len(by_shots[shots[0]]) for method, by_shots in of_methods.items()},
    }


def _is_of(cell: Cell, method: str, n_shot: int) -> bool:
    return (cell.method, cell.n_shot) == (method, n_shot)


def _mean(values: Iterable[float]) -> Estimate:
    return Estimate.over_stores([np.array([*values], dtype=np.float64)])


RATES = ("precision", "recall", "f1")
Figures = dict[str, Any]
"""The figures of a cell, as a journal keeps them.

- `macro_f1`: the mean F1 of the species, without the background.
- `accuracy`: the fraction of correct answers about all frames.
- `false_alarms`: of a thousand frames of the background, those that are answered with a species;
  None without a background.
- `species`: class, also of the background → `RATES`, 0 where they are undefined.
- `seconds`: the time to fit, without the encoding of pictures where the encoder is frozen.
- `trained`: the number of trained numbers.
"""


def measure_answers(
    labels: Sequence[str],
    answers: Sequence[str],
    background: Collection[str],
    seconds: float,
    trained: int,
) -> Figures:
    """Compare answers with labels; `background` are the classes of frames without an animal."""
    classes = sorted(set(labels))
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, answers, labels=classes, zero_division=0
    )
    rates = zip(precision.tolist(), recall.tolist(), f1.tolist(), strict=True)
    species = {name: list(row) for name, row in zip(classes, rates, strict=True)}
    f1_of_animals = [row[2] for name, row in species.items() if name not in background]
    pairs = list(zip(labels, answers, strict=True))
    is_alarm = [answer not in background for label, answer in pairs if label in background]
    return {
        "macro_f1": sum(f1_of_animals) / len(f1_of_animals),
        "accuracy": sum(label == answer for label, answer in pairs) / len(pairs),
        "false_alarms": 1000 * sum(is_alarm) / len(is_alarm) if is_alarm else None,
        "species": species,
        "seconds": seconds,
        "trained": trained,
    }
