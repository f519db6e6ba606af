"""Compares the reference with the best peer of each cell, by the quality of made names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from metaadapter.bench.evaluation.method_names import is_peer, without_suffixes
from metaadapter.bench.evaluation.name_level import OWN, is_in_cones, noise_of
from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report.evaluation_run import ZERO_SHOT, EvaluationRun

TASK = ["place", "seed", "task"]


@dataclass(frozen=True, slots=True)
class AgainstBest:
    """The reference against the best peer, both as means over the sets, at one number of shots."""

    accuracy: float
    """The accuracy of the reference."""
    peer: str
    """The peer; "" for a mean over levels of a peer chosen at each."""
    peer_accuracy: float
    gain: Estimate
    """The accuracy of the reference minus that of the peer, paired by task."""


@dataclass(frozen=True, slots=True)
class NamesAxis:
    """The levels of made names of one geometry, the least noise first.

    The best peer is chosen on the tasks that it is measured on, which is in favour of the peers.
    """

    in_cones: bool
    levels: tuple[str, ...]
    zero_shot: Mapping[str, float]
    """Level → accuracy of the names alone, the mean over the sets; "own" is a level, too."""
    accuracy: Mapping[str, Mapping[int, Mapping[str, float]]]
    """Method → number of shots → level → accuracy, the mean over the sets."""
    best: Mapping[str, Mapping[int, AgainstBest]]
    """Level → number of shots → the best peer there."""
    mean_best: Mapping[int, AgainstBest]
    """Number of shots → mean over the levels, with the best peer of each."""
    mean_single: Mapping[int, AgainstBest]
    """Number of shots → mean over the levels, with the one peer whose mean is best."""


def names_axes(run: EvaluationRun, methods: Sequence[str], part: str) -> tuple[NamesAxis, ...]:
    """Return an axis for each geometry with made names; none without zero-shot among the peers."""
    config, rows = run.config, run.tables["rows"]
    peers = [name for name in methods if is_peer(name) and name != config.reference_name]
    if config.names == (OWN,) or not any(without_suffixes(name) == ZERO_SHOT for name in peers):
        return ()
    places = {
        config.name_of_set(source, level): (number, level)
        for number, source in enumerate(config.stores)
        for level in config.names
    }
    rows = rows[(rows["part"] == part) & rows["method"].isin([*peers, *methods])]
    place, level = zip(*(places[name] for name in rows["store"]), strict=True)
    return axes_of_rows(rows.assign(place=place, level=level), config.reference_name, peers)


def axes_of_rows(rows: pd.DataFrame, reference: str, peers: Sequence[str]) -> tuple[NamesAxis, ...]:
    """Return the axes of rows that have columns `place`, the number of a set, and `level`."""
    figures = rows.pivot(index=["level", *TASK], columns=["n_shot", "method"], values="accuracy")
    tasks = {level: table.droplevel("level") for level, table in figures.groupby(level="level")}
    made = sorted((level for level in tasks if level != OWN), key=noise_of)
    axes = []
    for in_cones in (False, True):
        levels = [level for level in made if is_in_cones(level) == in_cones]
        if levels:
            own = [OWN] if OWN in tasks and not in_cones else []
            of_axis = {level: tasks[level].astype(float) for level in (*own, *levels)}
            axes.append(_axis(of_axis, levels, in_cones, reference, peers))
    return tuple(axes)


def _axis(
    tasks: Mapping[str, pd.DataFrame],
    levels: Sequence[str],
    in_cones: bool,
    reference: str,
    peers: Sequence[str],
) -> NamesAxis:
    means = {level: _over_sets(table) for level, table in tasks.items()}
    shots = sorted({int(n_shot) for n_shot, _ in means[levels[0]].index})
    best = {
        level: {n: str(mean[n][list(peers)].idxmax()) for n in shots}
        for level, mean in means.items()
    }
    together = sum(tasks[level] for level in levels) / len(levels)
    single = {n: str(_over_sets(together)[n][list(peers)].idxmax()) for n in shots}
    envelope = {
        n: sum(tasks[level][n, best[level][n]] for level in levels) / len(levels) for n in shots
    }
    names_alone = next(name for name in peers if without_suffixes(name) == ZERO_SHOT)
    return NamesAxis(
        in_cones=in_cones,
        levels=tuple(levels),
        zero_shot={level: float(mean[shots[0], names_alone]) for level, mean in means.items()},
        accuracy={
            method: {n: {level: float(means[level][n, method]) for level in levels} for n in shots}
            for method in together.columns.unique("method")
        },
        best={
            level: {
                n: _against(table[n, reference], table[n, peer], peer)
                for n, peer in best[level].items()
            }
            for level, table in tasks.items()
        },
        mean_best={n: _against(together[n, reference], envelope[n], "") for n in shots},
        mean_single={
            n: _against(together[n, reference], together[n, peer], peer)
            for n, peer in single.items()
        },
    )


def _over_sets(table: pd.DataFrame) -> pd.Series:
    mean: pd.Series = table.groupby(level="place").mean().mean()
    return mean


def _against(reference: pd.Series, peer: pd.Series, name: str) -> AgainstBest:
    places = pd.DataFrame({"reference": reference, "peer": peer}).dropna().groupby(level="place")
    means = places.mean().mean()
    gains = [(place["reference"] - place["peer"]).to_numpy() for _, place in places]
    return AgainstBest(
        float(means["reference"]), name, float(means["peer"]), Estimate.over_stores(gains)
    )
