"""Which classes of a set are hard, what they are taken for, and the worst single answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from metaadapter.features.prompts import readable_name
from metaadapter.report.evaluation_result import Row, SetFound
from metaadapter.report.evaluation_run import ZERO_SHOT, EvaluationRun

__all__ = ["set_found"]

# As many classes as a matrix can name, with a number in each cell, on a phone.
MOST_IN_MATRIX = 10
MOST_CONFUSIONS = 6
MOST_CLASSES = 5
MOST_MISTAKES = 8


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
    classes = _classes_shown(confusions, named)
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


def _classes_shown(confusions: Sequence[Row], classes: Sequence[str]) -> tuple[str, ...]:
    """All classes, or those of the most frequent confusions, in the order of their names."""
    confused = [each[side] for each in confusions for side in ("true", "predicted")]
    return tuple(sorted([*dict.fromkeys([*confused, *classes])][:MOST_IN_MATRIX]))


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
