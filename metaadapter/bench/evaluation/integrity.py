"""Whether the figures may be believed: one box for each way in which they could be too good."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import pandas as pd

from metaadapter.bench.evaluation.evaluation_set import EvaluationSet, same_name
from metaadapter.bench.evaluation.method import MetaTraining

Status = Literal["pass", "fail", "unknown"]
MOST_NAMED = 5
BY_NAME = "by the names of their stores; a renamed copy is not noticed"
TASK = ["store", "seed", "task"]


@runtime_checkable
class Recorded(Protocol):
    """A method or learner, and what it was made with."""

    @property
    def name(self) -> str:
        """The name that `--methods` gives it."""

    @property
    def meta_training(self) -> MetaTraining | None:
        """The record of its meta-training, where one lies beside its weights."""


@dataclass(frozen=True, slots=True)
class Box:
    """One check, to stand in every report."""

    name: str
    status: Status
    """"fail" if it fails for any method, else "unknown" if it is so for any."""
    detail: str
    methods: Mapping[str, Status] = field(default_factory=dict)
    """The verdict on each method."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


def support_apart(draws: pd.DataFrame, methods: Sequence[Recorded]) -> Box:
    """No picture, and no group of pictures, is in the queries of a task and its support or pool.

    The draws are those of `draw_table`. All methods have the same tasks, and so the same verdict.
    """
    is_seen = draws["role"].isin(["support", "pool"])
    shared = pd.concat([_on_both_sides(draws, is_seen, key) for key in ("sha256", "group")])
    n_tasks = draws.groupby(TASK).ngroups
    n_unknown = draws[draws["sha256"] == ""].groupby(TASK).ngroups
    status: Status = "fail" if len(shared) else "unknown" if n_unknown else "pass"
    most = shared.groupby(TASK, sort=False).size().groupby("store", sort=False).max()
    told = _some(f"{store}: {count} in a task" for store, count in most.items())
    detail = {
        "fail": f"pictures of equal bytes, or of one group, on both sides: {told}",
        "unknown": f"{n_unknown} of {n_tasks} tasks have pictures without a hash",
        "pass": f"compared by the hash of their bytes in {n_tasks} tasks; a picture that was saved "
        "again is not noticed",
    }
    verdicts = dict.fromkeys([method.name for method in methods], status)
    return Box("support and queries apart", status, detail[status], verdicts)


def unseen_sets(methods: Sequence[Recorded], sets: Sequence[EvaluationSet]) -> Box:
    """No method was meta-trained on a data set that it is evaluated on."""
    return _by_record(
        "data sets unseen in meta-training",
        methods,
        lambda known: _sets_among(sets, known.stores),
        "trained on",
        BY_NAME,
    )


def unseen_classes(methods: Sequence[Recorded], sets: Sequence[EvaluationSet]) -> Box:
    """No method was meta-trained on a class of the same readable name, of whatever data set."""
    classes = dict.fromkeys(name for data in sets for name in data.classes)
    return _by_record(
        "classes unseen in meta-training",
        methods,
        lambda known: [name for name in classes if same_name(name) in known.classes],
        "trained on pictures called",
        "by their readable names; another word for the same thing is not noticed",
    )


def chosen_elsewhere(methods: Sequence[Recorded], sets: Sequence[EvaluationSet]) -> Box:
    """No setting or checkpoint of a method was chosen by its figures on a set evaluated here."""
    return _by_record(
        "settings chosen elsewhere",
        methods,
        lambda known: _sets_among(sets, known.chosen_on),
        "chosen on",
        BY_NAME,
    )


def _by_record(
    name: str,
    methods: Sequence[Recorded],
    overlap: Callable[[MetaTraining], list[str]],
    how: str,
    told_by: str,
) -> Box:
    """The verdict by the record of each method; those without one learn from the support alone."""
    shared = {each.name: each.meta_training and overlap(each.meta_training) for each in methods}
    verdicts: dict[str, Status] = {
        method: "unknown" if found is None else "fail" if found else "pass"
        for method, found in shared.items()
    }
    guilty = defaultdict[str, list[str]](list)
    for method, found in shared.items():
        if found:
            guilty[_some(found)].append(method)
    told = [
        f"{_some(names)} {'was' if len(names) == 1 else 'were'} {how} {seen}"
        for seen, names in guilty.items()
    ]
    unknown, passed = (
        [method for method, verdict in verdicts.items() if verdict == wanted]
        for wanted in ("unknown", "pass")
    )
    if unknown:
        told.append(f"no record of meta-training lies beside {_some(unknown)}")
    if passed:
        others = f"{len(passed)} other{'s' if len(passed) > 1 else ''}" if told else "all methods"
        told.append(f"it holds for {others}, {told_by}")
    status: Status = "fail" if guilty else "unknown" if unknown else "pass"
    return Box(name, status, "; ".join(told), verdicts)


def _sets_among(sets: Sequence[EvaluationSet], known: Collection[str]) -> list[str]:
    return [each for data in sets for each in data.stores if each.casefold() in known]


def _on_both_sides(draws: pd.DataFrame, is_support: pd.Series, key: str) -> pd.DataFrame:
    """Tasks with the hashes, or groups, that are in their support and among their queries."""
    known = draws[[*TASK, key]][draws[key] != ""]
    one, other = (
        known[side.loc[known.index]].drop_duplicates() for side in (is_support, ~is_support)
    )
    return one.merge(other, on=[*TASK, key])[TASK]


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - MOST_NAMED} more" if len(listed) > MOST_NAMED else ""
    return ", ".join(listed[:MOST_NAMED]) + more
