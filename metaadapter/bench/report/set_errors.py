"""Collects a method's errors on one set: confusions, hard and easy classes, worst mistakes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from metaadapter.bench.report.evaluation_run import ZERO_SHOT, EvaluationRun, Row
from metaadapter.features.prompts import readable_name

# A matrix with more classes, and a number in each cell, would not be readable on a phone.
MOST_IN_MATRIX = 10
MOST_CONFUSIONS = 6
MOST_CLASSES = 5
MOST_MISTAKES = 8
MISTAKE = ["path", "sha256", "true", "predicted", "confidence", "own"]


@dataclass(frozen=True, slots=True)
class SetErrors:
    """The errors of the reference on one set with the most shots, in all draws."""

    name: str
    facts: Row
    names: Mapping[str, str] = field(default_factory=dict)
    """Label → readable name, or the label if another class has the same name."""
    classes: tuple[str, ...] = ()
    """The classes of the confusion matrix: all classes, or those that are confused most often."""
    n_classes: int = 0
    counts: tuple[tuple[int, ...], ...] = ()
    """True class × predicted class; predictions outside `classes` are not counted."""
    n_true: tuple[int, ...] = ()
    """The number of all answers about each of `classes`."""
    confusions: tuple[Row, ...] = ()
    """The most frequent first: `n` of the `n_true` answers about `true` are `predicted`."""
    hardest: tuple[Row, ...] = ()
    """`name`, `recall`, `zero_shot` (recall of zero-shot CLIP, or None), `n` (answers)."""
    easiest: tuple[Row, ...] = ()
    mistakes: tuple[Row, ...] = ()
    """`path`, `sha256`, `true`, `predicted`, `confidence` (the largest in any draw) and `own` (the
    probability of the correct class in the same answer)."""


def set_errors(run: EvaluationRun, name: str, method: str, n_shot: int) -> SetErrors:
    """Collect the errors of one method on one set at one number of shots, in all draws."""
    if not run.has_answers:
        return SetErrors(name, run.summary["sets"][name])

    def rows_of(table: str, of_method: str = method) -> pd.DataFrame:
        rows = run.errors[table]
        is_chosen = (rows["method"] == of_method) & (rows["store"] == name)
        return rows[is_chosen & (rows["n_shot"] == n_shot)]

    pairs = rows_of("confusion")
    n_true = Counter[str](pairs.groupby("true")["count"].sum().to_dict())
    counts = Counter[tuple[str, str]](pairs.set_index(["true", "predicted"])["count"].to_dict())
    confusions: list[Row] = [
        {"true": true, "predicted": predicted, "n": count, "n_true": n_true[true]}
        for (true, predicted), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        if true != predicted
    ]
    labels = sorted({label for pair in counts for label in pair})
    names = {label: readable_name(label) for label in labels}
    n_named = Counter(names.values())
    # All classes, or those in the most frequent confusions, sorted by name.
    confused = [pair[side] for pair in confusions for side in ("true", "predicted")]
    classes = tuple(sorted([*dict.fromkeys([*confused, *labels])][:MOST_IN_MATRIX]))
    zero_shot = {row["name"]: row["recall"] for row in _recalls(rows_of("classes", ZERO_SHOT))}
    recalls = [
        {**row, "zero_shot": zero_shot.get(row["name"])} for row in _recalls(rows_of("classes"))
    ]
    n_extreme = min(MOST_CLASSES, len(recalls) // 2)
    worst = rows_of("mistakes").sort_values("confidence", ascending=False, kind="stable")
    mistakes = worst.drop_duplicates("path")[MISTAKE].head(MOST_MISTAKES)
    return SetErrors(
        name=name,
        facts=run.summary["sets"][name],
        names={label: name if n_named[name] == 1 else label for label, name in names.items()},
        classes=classes,
        n_classes=len(labels),
        counts=tuple(tuple(counts[true, other] for other in classes) for true in classes),
        n_true=tuple(n_true[label] for label in classes),
        confusions=tuple(confusions[:MOST_CONFUSIONS]),
        hardest=tuple(recalls[:n_extreme]),
        easiest=tuple(recalls[::-1][:n_extreme]),
        mistakes=tuple(mistakes.to_dict("records")),
    )


def _recalls(rows: pd.DataFrame) -> list[Row]:
    rows = rows.dropna(subset="recall")
    n = rows["support"].astype(float)
    sums = rows[["class"]].assign(n=n, correct=n * rows["recall"]).groupby("class").sum()
    recalls = [
        {"name": row.Index, "recall": row.correct / row.n, "n": int(row.n)}
        for row in sums.itertuples()
    ]
    return sorted(recalls, key=lambda row: (row["recall"], row["name"]))
