"""Compares the reference with the best peer, by the quality of made names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from metaadapter.bench.evaluation.methods.method_names import is_peer, without_suffixes
from metaadapter.bench.evaluation.sets.name_level import OWN, is_in_cones, noise_of
from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report.evaluation_run import ZERO_SHOT, EvaluationRun

TASK = ["place", "seed", "task"]


# Accuracy, where larger is better, and log loss, where smaller is.
SIGNS = {"accuracy": 1, "nll": -1}


@dataclass(frozen=True, slots=True)
class AgainstBest:
    """The reference against the best peer in one metric, both as means over the sets."""

    reference: float
    peer: str
    """The peer; "" for a mean over levels of a peer chosen at each."""
    of_peer: float
    difference: Estimate
    """The figure of the reference minus that of the peer, paired by task."""


@dataclass(frozen=True, slots=True)
class NamesAxis:
    """One metric at the levels of made names of one geometry, the least noise first.

    The best peer is chosen on the tasks that it is measured on, which is in favour of the peers.
    """

    metric: str
    in_cones: bool
    levels: tuple[str, ...]
    zero_shot: Mapping[str, float]
    """Level → accuracy of the names alone, the mean over the sets; "own" is a level, too."""
    best: Mapping[str, Mapping[int, AgainstBest]]
    """Level → number of shots → the best peer there."""
    mean_best: Mapping[int, AgainstBest]
    """Number of shots → mean over the levels, with the best peer of each."""
    mean_single: Mapping[int, AgainstBest]
    """Number of shots → mean over the levels, with the one peer whose mean is best."""


def names_axes(run: EvaluationRun, methods: Sequence[str]) -> tuple[NamesAxis, ...]:
    """Return an axis for each geometry with made names and each metric of `SIGNS`.

    There is none without zero-shot among the peers.
    """
    config, rows = run.config, run.rows
    peers = [name for name in methods if is_peer(name) and name != config.reference_name]
    if config.names == (OWN,) or not any(without_suffixes(name) == ZERO_SHOT for name in peers):
        return ()
    places = {
        config.name_of_set(source, level): (number, level)
        for number, source in enumerate(config.stores)
        for level in config.names
    }
    rows = rows[rows["method"].isin(methods)]
    place, level = zip(*(places[name] for name in rows["store"]), strict=True)
    rows = rows.assign(place=place, level=level)
    return tuple(
        axis
        for metric in SIGNS
        for axis in axes_of_rows(rows, config.reference_name, peers, metric)
    )


def axes_of_rows(
    rows: pd.DataFrame, reference: str, peers: Sequence[str], metric: str
) -> list[NamesAxis]:
    """Return the axes of rows that have columns `place`, the number of a set, and `level`."""
    names_alone = next(name for name in peers if without_suffixes(name) == ZERO_SHOT)
    is_alone = (rows["method"] == names_alone) & (rows["n_shot"] == rows["n_shot"].min())
    by_place = rows[is_alone].groupby(["level", "place"])["accuracy"].mean()
    zero_shot = {level: float(mean) for level, mean in by_place.groupby("level").mean().items()}
    figures = rows.pivot(index=["level", *TASK], columns=["n_shot", "method"], values=metric)
    tasks = {
        level: table.droplevel("level").astype(float)
        for level, table in figures.groupby(level="level")
    }
    made = sorted((level for level in tasks if level != OWN), key=noise_of)
    axes = []
    for in_cones in (False, True):
        levels = tuple(level for level in made if is_in_cones(level) == in_cones)
        if levels:
            shown = [OWN] if OWN in tasks and not in_cones else []
            shown += levels
            axis = NamesAxis(
                metric,
                in_cones,
                levels,
                {level: zero_shot[level] for level in shown},
                **_compared({level: tasks[level] for level in shown}, reference, peers, metric),
            )
            axes.append(axis)
    return axes


def _compared(
    tasks: Mapping[str, pd.DataFrame], reference: str, peers: Sequence[str], metric: str
) -> dict[str, Any]:
    """Return the fields of `NamesAxis` that compare methods; "own" is in no mean over levels."""
    levels = [level for level in tasks if level != OWN]
    together = sum(tasks[level] for level in levels) / len(levels)
    shots = sorted(map(int, together.columns.unique("n_shot")))

    def best_peers(table: pd.DataFrame) -> dict[int, str]:
        means = SIGNS[metric] * _over_sets(table)
        return {n: str(means[n][list(peers)].idxmax()) for n in shots}

    best = {level: best_peers(table) for level, table in tasks.items()}
    envelope = {n: sum(tasks[level][n, best[level][n]] for level in levels) for n in shots}
    return {
        "best": {
            level: {
                n: _against(table[n, reference], table[n, peer], peer)
                for n, peer in best[level].items()
            }
            for level, table in tasks.items()
        },
        "mean_best": {
            n: _against(together[n, reference], envelope[n] / len(levels), "") for n in shots
        },
        "mean_single": {
            n: _against(together[n, reference], together[n, peer], peer)
            for n, peer in best_peers(together).items()
        },
    }


def _over_sets(table: pd.DataFrame) -> pd.Series:
    mean: pd.Series = table.groupby(level="place").mean().mean()
    return mean


def _against(reference: pd.Series, peer: pd.Series, name: str) -> AgainstBest:
    places = pd.DataFrame({"reference": reference, "peer": peer}).dropna().groupby(level="place")
    means = places.mean().mean()
    differences = [(place["reference"] - place["peer"]).to_numpy() for _, place in places]
    return AgainstBest(
        float(means["reference"]), name, float(means["peer"]), Estimate.over_stores(differences)
    )
