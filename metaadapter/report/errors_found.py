"""Which classes of a set are hard, what they are taken for, and the worst single answers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from metaadapter.evaluation.table_files import Row
from metaadapter.features.prompts import readable_name
from metaadapter.report.evaluation_result import ClassFound, Confusion, SetFound, WorstMistake
from metaadapter.report.evaluation_run import ZERO_SHOT, EvaluationRun

__all__ = ["set_found"]

# As many classes as a matrix can name on a phone.
MOST_IN_MATRIX = 20
MOST_CONFUSIONS = 6
MOST_CLASSES = 5
MOST_MISTAKES = 8


def set_found(run: EvaluationRun, name: str, method: str, n_shot: int, part: str) -> SetFound:
    """How one method errs on one set at one number of shots, over all draws."""

    def rows_of(table: str, of_method: str = method) -> list[Row]:
        wanted = (of_method, name, part, n_shot)
        return [
            row
            for row in run.tables[table]
            if (row["method"], row["store"], row["part"], row["n_shot"]) == wanted
        ]

    counts = {(row["true"], row["predicted"]): row["count"] for row in rows_of("confusion")}
    n_true = Counter[str]()
    for (true, _), count in counts.items():
        n_true[true] += count
    confusions = [
        Confusion(true, called, count, n_true[true])
        for (true, called), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        if true != called
    ]
    named = sorted({name for pair in counts for name in pair})
    classes = _classes_shown(confusions, named)
    recalls = _recalls(rows_of("classes"), rows_of("classes", ZERO_SHOT))
    n_extreme = min(MOST_CLASSES, len(recalls) // 2)
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
        mistakes=_worst(rows_of("mistakes")),
    )


def _shown(labels: Iterable[str]) -> dict[str, str]:
    names = {label: readable_name(label) for label in labels}
    n_called = Counter(names.values())
    return {label: name if n_called[name] == 1 else label for label, name in names.items()}


def _classes_shown(confusions: Iterable[Confusion], classes: Sequence[str]) -> tuple[str, ...]:
    """All classes, or those of the most frequent confusions, in the order of their names."""
    if len(classes) <= MOST_IN_MATRIX:
        return tuple(classes)
    named = dict.fromkeys(name for each in confusions for name in (each.true, each.called))
    return tuple(
        sorted([*named, *(name for name in classes if name not in named)][:MOST_IN_MATRIX])
    )


def _recalls(rows: Iterable[Row], by_name: Iterable[Row]) -> list[ClassFound]:
    """The lowest first."""
    zero_shot = _share_found(by_name)
    found = [
        ClassFound(name, share, zero_shot.get(name, (None, 0))[0], n)
        for name, (share, n) in _share_found(rows).items()
    ]
    return sorted(found, key=lambda each: (each.recall, each.name))


def _share_found(rows: Iterable[Row]) -> Mapping[str, tuple[float, int]]:
    """Recall over all draws and number of answers, by class."""
    right, n = defaultdict[str, float](float), Counter[str]()
    for row in rows:
        if row["recall"] is not None:
            right[row["class"]] += row["recall"] * row["support"]
            n[row["class"]] += row["support"]
    return {name: (right[name] / count, count) for name, count in n.items()}


def _worst(rows: Iterable[Row]) -> tuple[WorstMistake, ...]:
    """Each picture once, the most confident answer about it."""
    found: dict[str, WorstMistake] = {}
    for row in sorted(rows, key=lambda row: -row["confidence"]):
        mistake = WorstMistake(
            *(row["path"], row["sha256"], row["true"], row["predicted"]),
            *(row["confidence"], row["own"]),
        )
        found.setdefault(row["path"], mistake)
    return tuple(found.values())[:MOST_MISTAKES]
