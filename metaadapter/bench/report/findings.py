"""`find`: computes the result of an evaluation from its summary and tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.methods.method_names import distinct_methods
from metaadapter.bench.evaluation.sets.name_level import made_names_note
from metaadapter.bench.evaluation.strangers import COVERAGE, KEEP, STRANGER_METRICS
from metaadapter.bench.evaluation.summary import BY_CLASS, MEAN, P_BY_CLASS, Ranks, holm
from metaadapter.bench.evaluation.tables import COSTS
from metaadapter.bench.report.evaluation_result import EvaluationResult, Strangers
from metaadapter.bench.report.evaluation_run import (
    ZERO_SHOT,
    ByShots,
    EvaluationRun,
    Row,
    by_shots,
)
from metaadapter.bench.report.names_axis import names_axes
from metaadapter.bench.report.set_errors import set_errors
from metaadapter.bench.report.words import LEVEL, pool_note, signed

MOST_FEATURED = 6


def find(run: EvaluationRun) -> EvaluationResult:
    """Return means, differences, ranks, calibration, costs and errors, as a report shows them."""
    config = run.config
    reference, shots, names = config.reference_name, config.ascending_shots, config.places
    overall = MEAN if len(names) > 1 else names[0]
    answers = distinct_methods(config.method_names, reference)
    quality = _quality(run, overall, answers)

    def mean(name: str, method: str) -> float | None:
        estimate = quality.get(name, {}).get(method, {}).get(shots[-1])
        return estimate.mean if estimate else None

    # Sorted by mean rank; without ranks, in the order of the configuration.
    ranks = Ranks(**run.summary["ranks"]) if run.summary["ranks"] else None
    rank_of = ranks.mean if ranks else {}
    methods = tuple(sorted(answers, key=lambda name: rank_of.get(name, math.inf)))
    others = [name for name in methods if name not in (reference, ZERO_SHOT)]
    featured = (reference, *others[: MOST_FEATURED - 1])
    made = made_names_note(config.names)
    # The summary has each method minus the reference; the report has the reference minus each.
    means, gains = run.figures("means"), run.figures("differences")
    gains = gains.assign(mean=-gains["mean"])
    places = dict.fromkeys((overall, *names))

    def of_places(table: pd.DataFrame, half: str = "half") -> dict[str, ByShots]:
        return {place: _of_methods(by_shots(table, place, half=half), answers) for place in places}

    accuracy, gain = of_places(means), of_places(gains)
    gain_by_class = of_places(gains, BY_CLASS)
    p_by_class = {place: _p_by_class(gains, place, answers) for place in places}
    first = headline(
        reference, accuracy[overall], gain[overall], gain_by_class[overall], p_by_class[overall]
    )
    return EvaluationResult(
        reference=reference,
        methods=methods,
        featured=featured,
        shots=shots,
        headline=" ".join(filter(None, [first, made])),
        names=made,
        names_axes=names_axes(run, answers),
        accuracy=accuracy,
        gain=gain,
        gain_by_class=gain_by_class,
        p_by_class=p_by_class,
        ranks=ranks,
        quality={name: table for name, table in quality.items() if name not in COSTS},
        reliability=_by_confidence(run, [m for m in (*featured, ZERO_SHOT) if m in methods]),
        costs={method: {name: mean(name, method) for name in COSTS} for method in methods}
        if run.has_answers
        else {},
        sets=tuple(set_errors(run, name, reference, shots[-1]) for name in config.set_names),
        boxes=run.boxes,
        intervals=run.summary["intervals"],
        strangers=strangers_of(config, quality),
        pool=pool_note(config.pool, config.pool_size),
        versions=run.summary["versions"],
        command=config.command,
        seeds=tuple(range(config.seeds)),
        record=run.record,
    )


def _p_by_class(
    gains: pd.DataFrame, place: str, answers: Sequence[str]
) -> dict[str, dict[int, float]]:
    is_here = (gains["store"] == place) & gains[P_BY_CLASS].notna()
    table: dict[str, dict[int, float]] = {}
    for n, rows in gains[is_here].groupby("n_shot"):
        p = dict(zip(rows["method"], rows[P_BY_CLASS], strict=True))
        for method, value in holm({name: p[name] for name in p if name in answers}).items():
            table.setdefault(method, {})[int(n)] = value
    return table


def _quality(run: EvaluationRun, overall: str, answers: Sequence[str]) -> Mapping[str, ByShots]:
    """Return the metrics other than accuracy; those of strangers keep methods with equal labels."""
    means = run.figures("means")
    return {
        name: table if name in STRANGER_METRICS else _of_methods(table, answers)
        for name in dict.fromkeys(means["metric"])
        if name != "accuracy" and (table := by_shots(means, overall, name))
    }


def _of_methods(table: ByShots, methods: Sequence[str]) -> ByShots:
    return {method: estimates for method, estimates in table.items() if method in methods}


def _by_confidence(
    run: EvaluationRun, methods: Sequence[str]
) -> dict[str, dict[int, tuple[Row, ...]]]:
    if not run.has_answers:
        return {}
    bins, shots = run.table("bins"), run.config.ascending_shots
    return {
        method: {n: _reliability(bins, method, n) for n in sorted({shots[0], shots[-1]})}
        for method in methods
    }


def _reliability(bins: pd.DataFrame, method: str, n_shot: int) -> tuple[Row, ...]:
    """Return the bins of confidence in all sets together; each answer counts once."""
    rows = bins[(bins["method"] == method) & (bins["n_shot"] == n_shot)]
    n = rows["n"].astype(float)
    sums = rows[["bin"]].assign(n=n, confidence=n * rows["confidence"], correct=n * rows["right"])
    return tuple(
        {"n": int(row.n), "confidence": row.confidence / row.n, "correct": row.correct / row.n}
        for row in sums.groupby("bin").sum().itertuples()
    )


def headline(
    reference: str,
    accuracy: ByShots,
    gain: ByShots,
    gain_by_class: ByShots,
    p: Mapping[str, Mapping[int, float]],
) -> str:
    """Return sentences on the reference's accuracy by shots, and on its gain over all others."""
    is_tested = all(gain[name].keys() == p.get(name, {}).keys() for name in gain)
    if is_tested:
        gain = gain_by_class
    of_reference = accuracy.get(reference, {})
    if not of_reference:
        return f"No figure of {reference} could be scored."
    shots = sorted(of_reference)
    percentages = _and([f"{100 * of_reference[n].mean:.1f}" for n in shots])
    text = (
        f"With {_shots(shots, 'labelled picture')} a class, {reference} "
        f"is correct on {percentages} % of the pictures it has not seen."
    )
    gains = {
        n: {name: gain[name][n] for name in accuracy if n in gain.get(name, {})} for n in shots
    }
    gains = {n: of_methods for n, of_methods in gains.items() if of_methods}
    if not gains:
        return text
    best = {
        n: max(of_methods, key=lambda name, n=n: accuracy[name][n].mean)  # type: ignore[misc]
        for n, of_methods in gains.items()
    }
    listed = [f"{signed(gains[n][name])} ({_shots([n])}, {name})" for n, name in best.items()]
    text += f" Its gain over the best other method with the same shots is {_and(listed)} points."
    if any(math.isnan(gains[n][name].half) for n, name in best.items()):
        return f"{text} With a single draw there is no interval."

    def differs(name: str, n: int) -> bool:
        estimate = gains[n][name]
        return p[name][n] < LEVEL if is_tested else abs(estimate.mean) > estimate.half

    ahead = sum(
        all(e.mean > 0 and differs(name, n) for name, e in of_methods.items())
        for n, of_methods in gains.items()
    )
    behind = {
        name: [
            n for n in gains if name in gains[n] and gains[n][name].mean < 0 and differs(name, n)
        ]
        for name in accuracy
    }
    better = [f"{name} ({_shots(where)})" for name, where in behind.items() if where]
    counted = f"{ahead or 'none'} of {len(gains)} number{'' if len(gains) == 1 else 's'} of shots"
    tests = (
        "tests over classes at 5 %, for all methods together,"
        if is_tested
        else ("95 % intervals over draws")
    )
    return (
        f"{text} By {tests} it is ahead of all other methods at {counted}, and "
        f"behind {_and(better) if better else 'none of them'}."
    )


def _shots(numbers: Sequence[int], noun: str = "shot") -> str:
    return f"{_and(numbers)} {noun}{'' if list(numbers) == [1] else 's'}"


def _and(items: Sequence[object]) -> str:
    *first, last = map(str, items)
    return f"{', '.join(first)} and {last}" if first else last


def strangers_of(config: EvaluationConfig, quality: Mapping[str, ByShots]) -> Strangers | None:
    """Return the section on strangers; None if the tasks of the evaluation had none."""
    metrics = tuple(name for name in STRANGER_METRICS if quality.get(name))
    if not metrics:
        return None
    methods = tuple(
        method
        for method in config.method_names
        if any(method in quality[metric] for metric in metrics)
    )
    return Strangers(_description(config, "kept" in metrics), methods, metrics)


def _description(config: EvaluationConfig, has_thresholds: bool) -> str:
    sentences = []
    if config.unknown:
        sentences.append(
            "Near strangers are pictures of other classes in the same set: "
            f"{100 * config.unknown:.0f} % of a task's classes are hidden from the methods."
        )
    if config.strangers:
        names = ", ".join(Path(store).name for store in config.strangers)
        sentences.append(
            f"Far strangers are pictures of other sets ({names}). A class with the same name as a "
            "class of the set is left out; a synonym is not noticed."
        )
    sentences.append(
        "The area under the ROC curve (AUROC) is the probability that a method scores a known "
        "picture above a stranger. The score is the adapter's own score of known, or, if it has "
        "none, the largest probability; a method with @ and a name uses the score of that name."
    )
    if has_thresholds:
        sentences.append(
            "A picture is kept if its score is above the adapter's threshold, which should keep "
            f"{100 * KEEP:.0f} % of known pictures. The adapter's sets of classes should hold the "
            f"right class in {100 * COVERAGE:.0f} % of the answers."
        )
    return " ".join(sentences)
