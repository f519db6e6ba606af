"""From the rows of an evaluation to what it found."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from metaadapter.baselines import META_PEERS, PEERS
from metaadapter.evaluation.estimate import Estimate
from metaadapter.evaluation.methods import AT
from metaadapter.evaluation.metrics import METRICS
from metaadapter.evaluation.ranks import rank_methods
from metaadapter.evaluation.summary import MEAN, Figure, differences, means
from metaadapter.evaluation.table_files import Row
from metaadapter.report.errors_found import set_found
from metaadapter.report.evaluation_result import (
    ByShots,
    Cost,
    EvaluationResult,
    PartFound,
    ReliabilityBin,
)
from metaadapter.report.evaluation_run import ZERO_SHOT, EvaluationRun
from metaadapter.report.words import part_told, signed

__all__ = ["find", "overall"]

MOST_FEATURED = 6
SECONDS = ("fit_seconds", "predict_seconds")


def find(run: EvaluationRun) -> EvaluationResult:
    """Means, differences, ranks, calibration, costs and errors."""
    reference, shots = run.config.reference_name, run.config.ascending_shots
    figures, gains = means(run.samples), differences(run.samples, reference)
    names_of_parts = dict.fromkeys(row["part"] for row in run.tables["rows"]) or ["all"]
    # A harmonic mean has no answers of its own.
    judged = next(iter(names_of_parts))
    parts = tuple(_part(run, part, figures, gains) for part in names_of_parts)
    methods = _best_first(run.config.method_names, parts[0])
    path = sorted(
        (name for name in methods if name.startswith(AT)),
        key=lambda name: int(name.removeprefix(AT)),
    )
    others = [name for name in methods if name not in (reference, ZERO_SHOT, *path)]
    featured = (reference, *others[: MOST_FEATURED - 1])
    rows: defaultdict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in run.tables["rows"]:
        if row["part"] == judged:
            rows[row["method"], row["n_shot"]].append(row)
    quality = {name: _by_shots(figures, overall(run), judged, name) for name in METRICS[1:]}
    return EvaluationResult(
        reference=reference,
        methods=methods,
        featured=featured,
        judged=judged,
        path=tuple(path),
        shots=shots,
        headline=_headline(parts[0], overall(run), reference),
        parts=parts,
        quality={name: table for name, table in quality.items() if table},
        reliability={
            method: {
                n_shot: _reliability(run.tables["bins"], method, n_shot, judged)
                for n_shot in sorted({shots[0], shots[-1]})
            }
            for method in (*featured, ZERO_SHOT)
            if method in methods
        },
        seconds={
            method: {
                n_shot: sum(_mean(rows[method, n_shot], name) or 0.0 for name in SECONDS)
                for n_shot in shots
            }
            for method in methods
        },
        costs={method: _cost(rows[method, shots[-1]]) for method in methods},
        sets=tuple(
            set_found(run, name, reference, shots[-1], judged) for name in run.config.set_names
        ),
        boxes=run.boxes,
        intervals=run.intervals,
        versions=run.versions,
        command=run.config.command,
        seeds=tuple(range(run.config.seeds)),
        record=run.record,
    )


def overall(run: EvaluationRun) -> str:
    """Where the figures that count stand: the mean over sets, or the only set."""
    names = run.config.set_names
    return MEAN if len(names) > 1 else names[0]


def _part(
    run: EvaluationRun, part: str, figures: Sequence[Figure], gains: Sequence[Figure]
) -> PartFound:
    places = dict.fromkeys((overall(run), *run.config.set_names))
    turned = {
        place: {
            method: {n: Estimate(-each.mean, each.half) for n, each in by_shots.items()}
            for method, by_shots in _by_shots(gains, place, part, "accuracy").items()
        }
        for place in places
    }
    return PartFound(
        part=part,
        accuracy={place: _by_shots(figures, place, part, "accuracy") for place in places},
        gain=turned,
        ranks=rank_methods(run.samples, run.config.method_names, part),
    )


def _by_shots(figures: Iterable[Figure], place: str, part: str, metric: str) -> ByShots:
    found: defaultdict[str, dict[int, Estimate]] = defaultdict(dict)
    for each in figures:
        if (each.store, each.part, each.metric) == (place, part, metric):
            found[each.method][each.n_shot] = each.estimate
    return dict(found)


def _best_first(methods: Sequence[str], part: PartFound) -> tuple[str, ...]:
    """By mean rank; in the order asked for where there is none."""
    ranks = part.ranks.mean if part.ranks else {}
    return tuple(sorted(methods, key=lambda name: ranks.get(name, len(methods))))


def _headline(part: PartFound, place: str, reference: str) -> str:
    """What the reference reaches with the most shots, and how far it is from the best peer there.

    Without a peer, from the best of the others.
    """
    accuracy, gain = part.accuracy[place], part.gain[place]
    own = accuracy.get(reference, {})
    if not own:
        return f"No figure of {reference} could be scored."
    n_shot = max(own)
    pictures = "picture" if n_shot == 1 else "pictures"
    told = (
        f"With {n_shot} labelled {pictures} a class, {reference} is right on "
        f"{100 * own[n_shot].mean:.1f} % of the pictures it has not seen{part_told(part.part)}"
    )
    others = {
        name: found[n_shot].mean
        for name, found in accuracy.items()
        if name != reference and n_shot in found
    }
    if not others:
        return told + "."
    peers = {name: right for name, right in others.items() if name in (*PEERS, *META_PEERS)}
    best = max(peers or others, key=others.__getitem__)
    kind = "peers" if peers else "others"
    told += f"; the best of the {kind} there, {best}, on {100 * others[best]:.1f} %"
    return f"{told}. {_told_gain(gain[best][n_shot], reference, best)}"


def _told_gain(gain: Estimate, reference: str, other: str) -> str:
    points = f"{abs(100 * gain.mean):.1f}"
    if math.isnan(gain.half):
        return f"They are {points} points apart; without a second draw there is no interval."
    interval = f"± {100 * gain.half:.1f} points (95 %, the same draws)"
    if abs(gain.mean) <= gain.half:
        return f"The difference, {signed(gain)} points, is within what the draws alone can make."
    winner, loser = (reference, other) if gain.mean > 0 else (other, reference)
    return f"{winner} is ahead of {loser} by {points} {interval}."


def _reliability(
    bins: Iterable[Row], method: str, n_shot: int, part: str
) -> tuple[ReliabilityBin, ...]:
    """Over all sets, each answer counted once."""
    by_bin: defaultdict[int, list[Row]] = defaultdict(list)
    for row in bins:
        if (row["method"], row["n_shot"], row["part"]) == (method, n_shot, part):
            by_bin[row["bin"]].append(row)
    found = []
    for _, rows in sorted(by_bin.items()):
        n = sum(row["n"] for row in rows)
        confidence, right = (
            sum(row["n"] * row[name] for row in rows) / n for name in ("confidence", "right")
        )
        found.append(ReliabilityBin(n, confidence, right))
    return tuple(found)


def _cost(rows: Sequence[Row]) -> Cost:
    return Cost(
        fit_seconds=_mean(rows, "fit_seconds"),
        predict_seconds=_mean(rows, "predict_seconds"),
        peak_mib=_mean(rows, "peak_mib"),
        trained_parameters=_mean(rows, "trained_parameters"),
    )


def _mean(rows: Iterable[Row], name: str) -> float | None:
    """None where nothing was measured."""
    there = [value for row in rows if (value := row[name]) is not None]
    return float(np.mean(there)) if there else None
