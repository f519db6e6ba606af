"""From the summary and the tables of an evaluation to what it found, and where a method errs."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import pandas as pd

from metaadapter.bench.evaluation.methods import AT, answering, bare
from metaadapter.bench.evaluation.picture_methods import TOWER_PEERS
from metaadapter.bench.evaluation.stranger_metrics import STRANGER_METRICS
from metaadapter.bench.evaluation.summary import MEAN, Estimate
from metaadapter.bench.evaluation.tables import COSTS
from metaadapter.bench.peers.by_name import PEERS, POOL_PEERS
from metaadapter.bench.peers.meta_trained import META_PEERS
from metaadapter.bench.report.evaluation_result import (
    ByShots,
    EvaluationResult,
    PartFound,
    Row,
    SetFound,
)
from metaadapter.bench.report.evaluation_run import ZERO_SHOT, EvaluationRun
from metaadapter.bench.report.pool_gain import pool_gains
from metaadapter.bench.report.strangers_found import strangers_found
from metaadapter.bench.report.words import part_told, pool_told, signed
from metaadapter.features.prompts import readable_name

MOST_FEATURED = 6
# As many classes as a matrix can name, with a number in each cell, on a phone.
MOST_IN_MATRIX = 10
MOST_CONFUSIONS = 6
MOST_CLASSES = 5
MOST_MISTAKES = 8


def find(run: EvaluationRun) -> EvaluationResult:
    """Means, differences, ranks, calibration, costs and errors, as a report shows them."""
    reference, shots = run.config.reference_name, run.config.ascending_shots
    names = run.config.set_names
    overall = MEAN if len(names) > 1 else names[0]
    # The reference less the other, where the summary has the other less the reference.
    turned = run.differences.assign(mean=-run.differences["mean"])
    answers = answering(run.config.method_names, reference)

    def of_answers(table: ByShots) -> ByShots:
        """Without methods that differ from another in how they tell strangers alone."""
        return {method: by_shots for method, by_shots in table.items() if method in answers}

    parts = tuple(
        PartFound(
            part=part,
            accuracy={
                place: of_answers(_by_shots(run.means, place, part)) for place in (overall, *names)
            },
            gain={place: of_answers(_by_shots(turned, place, part)) for place in (overall, *names)},
            ranks=run.ranks.get(part),
        )
        for part in dict.fromkeys(run.means["part"])
    )
    # A harmonic mean has no answers of its own.
    judged = parts[0].part
    figures = {
        name: found if name in STRANGER_METRICS else of_answers(found)
        for name in dict.fromkeys(run.means["metric"])
        if name != "accuracy" and (found := _by_shots(run.means, overall, judged, name))
    }

    def mean(name: str, method: str, n_shot: int = shots[-1]) -> float | None:
        found = figures.get(name, {}).get(method, {}).get(n_shot)
        return found.mean if found else None

    # By mean rank; in the order asked for where there is none.
    rank_of = parts[0].ranks.mean if parts[0].ranks else {}
    methods = tuple(sorted(answers, key=lambda name: rank_of.get(name, math.inf)))
    steps = {
        int(name.removeprefix(AT)): name
        for name in methods
        if name.startswith(AT) and bare(name) == name
    }
    path = tuple(steps[n] for n in sorted(steps))
    others = [name for name in methods if name not in (reference, ZERO_SHOT, *path)]
    featured = (reference, *others[: MOST_FEATURED - 1])
    return EvaluationResult(
        reference=reference,
        methods=methods,
        featured=featured,
        judged=judged,
        path=path,
        shots=shots,
        headline=_headline(parts[0], overall, reference),
        parts=parts,
        quality={name: table for name, table in figures.items() if name not in COSTS},
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
                n: (mean("fit_seconds", method, n) or 0.0)
                + (mean("predict_seconds", method, n) or 0.0)
                for n in shots
            }
            for method in methods
        },
        costs={method: {name: mean(name, method) for name in COSTS} for method in methods},
        sets=tuple(set_found(run, name, reference, shots[-1], judged) for name in names),
        boxes=run.boxes,
        intervals=run.intervals,
        strangers=strangers_found(run, figures),
        pool=pool_told(run.config.pool, run.config.pool_size),
        pool_gain=pool_gains(run),
        versions=run.versions,
        command=run.config.command,
        seeds=tuple(range(run.config.seeds)),
        record=run.record,
    )


def _by_shots(means: pd.DataFrame, place: str, part: str, metric: str = "accuracy") -> ByShots:
    found: defaultdict[str, dict[int, Estimate]] = defaultdict(dict)
    wanted = (means["store"] == place) & (means["part"] == part) & (means["metric"] == metric)
    for each in means[wanted].itertuples():
        found[each.method][int(each.n_shot)] = Estimate(each.mean, each.half)
    return dict(found)


def _reliability(bins: pd.DataFrame, method: str, n_shot: int, part: str) -> tuple[Row, ...]:
    """Over all sets, each answer counted once."""
    is_wanted = (bins["method"] == method) & (bins["n_shot"] == n_shot) & (bins["part"] == part)
    rows = bins[is_wanted]
    n = rows["n"].astype(float)
    sums = rows[["bin"]].assign(n=n, confidence=n * rows["confidence"], correct=n * rows["right"])
    return tuple(
        {"n": int(each.n), "confidence": each.confidence / each.n, "correct": each.correct / each.n}
        for each in sums.groupby("bin").sum().itertuples()
    )


def _headline(part: PartFound, place: str, reference: str) -> str:
    """What the reference reaches at each number of shots, and beside the strongest peer there.

    Without a peer, beside the best of the others.
    """
    accuracy, gain = part.accuracy[place], part.gain[place]
    own = accuracy.get(reference, {})
    if not own:
        return f"No figure of {reference} could be scored."
    shots = sorted(own)
    told = (
        f"With {_listed(shots)} labelled picture{'' if shots == [1] else 's'} a class, {reference} "
        f"is correct on {_listed([f'{100 * own[n].mean:.1f}' for n in shots])} % of the pictures "
        f"it has not seen{part_told(part.part)}."
    )
    peers = [name for name in accuracy if _is_peer(name) and name != reference]
    others = peers or [name for name in accuracy if name != reference]
    best = {
        n: max(there, key=lambda name, n=n: accuracy[name][n].mean)  # type: ignore[misc]
        for n in shots
        if (there := [name for name in others if n in accuracy[name]])
    }
    if not best:
        return told
    gains = {n: gain[name][n] for n, name in best.items()}
    each = [
        f"{signed(gains[n])} ({n} shot{'' if n == 1 else 's'}, {name})" for n, name in best.items()
    ]
    kind = "strongest peer" if peers else "best of the others"
    told += f" Less the {kind} with as many: {_listed(each)} points."
    if any(math.isnan(estimate.half) for estimate in gains.values()):
        return f"{told} Without a second draw there is no interval."
    ahead = sum(estimate.mean > estimate.half for estimate in gains.values())
    behind = sum(-estimate.mean > estimate.half for estimate in gains.values())
    counted = f"{ahead or 'none'} of {len(gains)} number{'' if len(gains) == 1 else 's'} of shots"
    return (
        f"{told} It is ahead by more than the draws alone can make at {counted}, and behind at "
        f"{behind or 'none'} (95 %, on the same draws)."
    )


def _listed(words: Sequence[object]) -> str:
    *first, last = map(str, words)
    return f"{', '.join(first)} and {last}" if first else last


def set_found(run: EvaluationRun, name: str, method: str, n_shot: int, part: str) -> SetFound:
    """How one method errs on one set at one number of shots, over all draws."""

    def rows_of(table: str, of_method: str = method) -> pd.DataFrame:
        rows = run.tables[table]
        is_wanted = (rows["method"] == of_method) & (rows["store"] == name)
        return rows[is_wanted & (rows["part"] == part) & (rows["n_shot"] == n_shot)]

    pairs = rows_of("confusion")
    n_true = Counter[str](pairs.groupby("true")["count"].sum().to_dict())
    counts = Counter[tuple[str, str]](pairs.set_index(["true", "predicted"])["count"].to_dict())
    confusions: list[Row] = [
        {"true": true, "predicted": predicted, "n": count, "n_true": n_true[true]}
        for (true, predicted), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        if true != predicted
    ]
    named = sorted({label for pair in counts for label in pair})
    names = {label: readable_name(label) for label in named}
    n_called = Counter(names.values())
    # All classes, or those of the most frequent confusions, in the order of their names.
    confused = [each[side] for each in confusions for side in ("true", "predicted")]
    classes = tuple(sorted([*dict.fromkeys([*confused, *named])][:MOST_IN_MATRIX]))
    zero_shot = {each["name"]: each["recall"] for each in _recalls(rows_of("classes", ZERO_SHOT))}
    recalls = [
        {**each, "zero_shot": zero_shot.get(each["name"])} for each in _recalls(rows_of("classes"))
    ]
    n_extreme = min(MOST_CLASSES, len(recalls) // 2)
    worst = rows_of("mistakes").sort_values("confidence", ascending=False, kind="stable")
    columns = ["path", "sha256", "true", "predicted", "confidence", "own"]
    mistakes = worst.drop_duplicates("path")[columns].head(MOST_MISTAKES)
    return SetFound(
        name=name,
        facts=run.sets[name],
        names={label: told if n_called[told] == 1 else label for label, told in names.items()},
        classes=classes,
        n_classes=len(named),
        counts=tuple(tuple(counts[i, j] for j in classes) for i in classes),
        n_true=tuple(n_true[each] for each in classes),
        confusions=tuple(confusions[:MOST_CONFUSIONS]),
        hardest=tuple(recalls[:n_extreme]),
        easiest=tuple(recalls[::-1][:n_extreme]),
        mistakes=tuple(mistakes.to_dict("records")),
    )


def _recalls(rows: pd.DataFrame) -> list[Row]:
    """Recall over all draws, with the number of answers; the lowest first."""
    there = rows.dropna(subset="recall")
    n = there["support"].astype(float)
    sums = there[["class"]].assign(n=n, correct=n * there["recall"]).groupby("class").sum()
    found = [
        {"name": each.Index, "recall": each.correct / each.n, "n": int(each.n)}
        for each in sums.itertuples()
    ]
    return sorted(found, key=lambda each: (each["recall"], each["name"]))


def _is_peer(name: str) -> bool:
    return bare(name) in {*PEERS, *POOL_PEERS, *META_PEERS, *TOWER_PEERS}
