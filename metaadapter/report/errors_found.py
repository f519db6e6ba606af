"""Which classes of a set are hard, what they are taken for, and the worst single answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

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
    counts = {
        (each.true, each.predicted): int(each.n)
        for each in pairs.rename(columns={"count": "n"}).itertuples()
    }
    n_true = Counter[str]()
    for (true, _), count in counts.items():
        n_true[true] += count
    confusions = [
        {"true": true, "predicted": predicted, "n": count, "n_true": n_true[true]}
        for (true, predicted), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        if true != predicted
    ]
    named = sorted({label for pair in counts for label in pair})
    classes = _classes_shown(confusions, named)
    recalls = _recalls(rows_of("classes"), rows_of("classes", ZERO_SHOT))
    n_extreme = min(MOST_CLASSES, len(recalls) // 2)
    worst = rows_of("mistakes").sort_values("confidence", ascending=False, kind="stable")
    columns = ["path", "sha256", "true", "predicted", "confidence", "own"]
    return SetFound(
        name=name,
        facts=run.sets[name],
        names=_shown(named),
        classes=classes,
        n_classes=len(named),
        counts=tuple(tuple(counts.get((i, j), 0) for j in classes) for i in classes),
        n_true=tuple(n_true[each] for each in classes),
        confusions=tuple(confusions[:MOST_CONFUSIONS]),
        hardest=tuple(recalls[:n_extreme]),
        easiest=tuple(recalls[::-1][:n_extreme]),
        mistakes=tuple(
            worst.drop_duplicates("path")[columns].head(MOST_MISTAKES).to_dict("records")
        ),
    )


def _shown(labels: Iterable[str]) -> dict[str, str]:
    names = {label: readable_name(label) for label in labels}
    n_called = Counter(names.values())
    return {label: name if n_called[name] == 1 else label for label, name in names.items()}


def _classes_shown(confusions: Iterable[Row], classes: Sequence[str]) -> tuple[str, ...]:
    """All classes, or those of the most frequent confusions, in the order of their names."""
    if len(classes) <= MOST_IN_MATRIX:
        return tuple(classes)
    named = dict.fromkeys(
        label for each in confusions for label in (each["true"], each["predicted"])
    )
    return tuple(
        sorted([*named, *(name for name in classes if name not in named)][:MOST_IN_MATRIX])
    )


def _recalls(rows: pd.DataFrame, by_name: pd.DataFrame) -> list[Row]:
    """Recall over all draws, with the number of answers; the lowest first."""
    zero_shot = {each["name"]: each["recall"] for each in _recall(by_name)}
    found = [{**each, "zero_shot": zero_shot.get(each["name"])} for each in _recall(rows)]
    return sorted(found, key=lambda each: (each["recall"], each["name"]))


def _recall(rows: pd.DataFrame) -> list[Row]:
    there = rows.dropna(subset="recall")
    n = there["support"].astype(float)
    sums = there[["class"]].assign(n=n, correct=n * there["recall"]).groupby("class").sum()
    return [
        {"name": each.Index, "recall": each.correct / each.n, "n": int(each.n)}
        for each in sums.itertuples()
    ]
