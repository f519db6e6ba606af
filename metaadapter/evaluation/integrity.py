"""Whether the figures may be believed: one box for each way in which they could be too good."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from torch import Tensor

from episodes import EpisodeRows
from metaadapter.evaluation.evaluation_set import EvaluationSet
from metaadapter.evaluation.journal import CellResult
from metaadapter.evaluation.meta_training import MetaTraining, same_name
from metaadapter.evaluation.methods import Method

__all__ = [
    "Box",
    "chosen_elsewhere",
    "labels_sealed",
    "support_apart",
    "unseen_classes",
    "unseen_sets",
]

MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Box:
    """One check, to stand in every report."""

    name: str
    status: Literal["pass", "fail", "unknown"]
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


def labels_sealed(results: Iterable[CellResult]) -> Box:
    """No method looked at the label of a query before its answers were in."""
    guilty = dict.fromkeys(result.cell.method for result in results if result.fault)
    if guilty:
        return Box("query labels", "fail", f"read before scoring by {_some(guilty)}: not scored")
    return Box("query labels", "pass", "no method read one before its answers were scored")


def support_apart(draws: Iterable[tuple[EvaluationSet, EpisodeRows]]) -> Box:
    """No picture, and no group of pictures, is in the support and the queries of a task.

    Args:
        draws: Tasks with all their shots.
    """
    name = "support and queries apart"
    n_tasks, n_unknown, faults = 0, 0, dict[str, int]()
    for of, rows in draws:
        for task in range(len(rows.classes_TN)):
            seen = _pictures(rows.support_TNK[task])
            asked = np.concatenate(
                [_pictures(rows.query_TNQ[task]), _pictures(rows.off_class_TO[task])]
            )
            n_tasks += 1
            n_unknown += int((of.contents_n[np.concatenate([seen, asked])] == "").any())
            shared = sum(
                len(_shared(keys_n[seen], keys_n[asked])) for keys_n in (of.contents_n, of.groups_n)
            )
            if shared:
                faults[of.name] = max(faults.get(of.name, 0), shared)
    if faults:
        told = _some(f"{of}: {count} in a task" for of, count in faults.items())
        return Box(name, "fail", f"pictures of equal bytes, or of one group, on both sides: {told}")
    if n_unknown:
        return Box(name, "unknown", f"{n_unknown} of {n_tasks} tasks have pictures without a hash")
    return Box(name, "pass", f"compared by the hash of their bytes in {n_tasks} tasks")


def unseen_sets(methods: Sequence[Method], sets: Sequence[EvaluationSet]) -> Box:
    """No method was meta-trained on a data set that it is evaluated on."""
    return _of_records(
        "data sets unseen in meta-training",
        methods,
        lambda known: _sets_among(sets, known.stores),
        "trained on",
    )


def unseen_classes(methods: Sequence[Method], sets: Sequence[EvaluationSet]) -> Box:
    """No method was meta-trained on a class of the same readable name, of whatever data set."""
    classes = dict.fromkeys(name for of in sets for name in of.classes)
    return _of_records(
        "classes unseen in meta-training",
        methods,
        lambda known: [name for name in classes if same_name(name) in known.classes],
        "trained on pictures called",
    )


def chosen_elsewhere(methods: Sequence[Method], sets: Sequence[EvaluationSet]) -> Box:
    """No setting or checkpoint of a method was chosen by its figures on a set evaluated here."""
    return _of_records(
        "settings chosen elsewhere",
        methods,
        lambda known: _sets_among(sets, known.chosen_on),
        "chosen on",
    )


def _of_records(
    name: str, methods: Sequence[Method], overlap: Callable[[MetaTraining], list[str]], how: str
) -> Box:
    faults, silent = dict[str, list[str]](), []
    for method in methods:
        if method.meta_training is None:
            silent.append(method.name)
        elif shared := overlap(method.meta_training):
            faults.setdefault(_some(shared), []).append(method.name)
    if faults:
        told = (
            f"{_some(guilty)} {'was' if len(guilty) == 1 else 'were'} {how} {shared}"
            for shared, guilty in faults.items()
        )
        return Box(name, "fail", "; ".join(told))
    if silent:
        return Box(name, "unknown", f"no record of meta-training lies beside {_some(silent)}")
    return Box(
        name, "pass", "by the record of each method; those without one learn from the support alone"
    )


def _sets_among(sets: Sequence[EvaluationSet], known: Iterable[str]) -> list[str]:
    names = set(known)
    return [each for of in sets for each in of.stores if each.casefold() in names]


def _pictures(rows: Tensor) -> np.ndarray:
    pictures: np.ndarray = rows[rows >= 0].cpu().numpy()
    return pictures


def _shared(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    both = np.intersect1d(one, other)
    real: np.ndarray = both[both != ""]
    return real


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - MOST_NAMED} more" if len(listed) > MOST_NAMED else ""
    return ", ".join(listed[:MOST_NAMED]) + more
