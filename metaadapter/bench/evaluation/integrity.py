"""Checks of whether figures can be trusted, one for each way in which they could be too good."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import pandas as pd

from metaadapter.bench.evaluation.bench import Measured
from metaadapter.bench.evaluation.evaluation_set import EvaluationSet, same_name
from metaadapter.bench.evaluation.method import MetaTraining
from metaadapter.bench.evaluation.name_level import MADE, OWN

Status = Literal["pass", "fail", "unknown"]
MOST_NAMED = 5
BY_NAME = "by the names of their stores; this does not notice a renamed copy"
TASK = ["store", "seed", "task"]


@dataclass(frozen=True, slots=True)
class Box:
    """The outcome of one check; every report shows it."""

    name: str
    status: Status
    """"fail" if any method fails, else "unknown" if the outcome of any method is unknown."""
    detail: str
    methods: Mapping[str, Status] = field(default_factory=dict)
    """Method → its outcome."""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


def check_integrity(
    draws: pd.DataFrame, methods: Sequence[Measured], sets: Sequence[EvaluationSet]
) -> tuple[Box, ...]:
    """Run all checks of the methods on the sets; the draws are those of `draw_table`."""
    apart = support_apart(draws, methods)
    if any(data.names != OWN for data in sets):
        apart = replace(apart, detail=f"{apart.detail}; {MADE} know all pictures, queries included")
    return apart, *check_records(methods, sets)


def support_apart(draws: pd.DataFrame, methods: Sequence[Measured]) -> Box:
    """Check that no picture of a task's queries is in its support or pool, and no group in both.

    A pool may have groups of the queries, because it shows what these show: a new season, say.
    """
    is_labelled, is_pool = draws["role"] == "support", draws["role"] == "pool"
    shared = pd.concat(
        [
            _on_both_sides(draws, is_labelled | is_pool, "sha256"),
            _on_both_sides(draws[~is_pool], is_labelled[~is_pool], "group"),
        ]
    )
    n_tasks = draws.groupby(TASK).ngroups
    n_unknown = draws[draws["sha256"] == ""].groupby(TASK).ngroups
    status: Status = "fail" if len(shared) else "unknown" if n_unknown else "pass"
    most = shared.groupby(TASK, sort=False).size().groupby("store", sort=False).max()
    listed = _some(f"{store}: {count} in a task" for store, count in most.items())
    detail = {
        "fail": f"pictures with the same bytes, or of one group, are on both sides: {listed}",
        "unknown": f"{n_unknown} of {n_tasks} tasks have pictures without a hash",
        "pass": f"compared by the hash of their bytes in {n_tasks} tasks, and by the features of "
        "near copies; this does not notice a picture that was mirrored, cropped or strongly "
        "compressed",
    }
    outcomes = dict.fromkeys([method.name for method in methods], status)
    return Box("support and queries apart", status, detail[status], outcomes)


def check_records(
    methods: Sequence[Measured], sets: Sequence[EvaluationSet]
) -> tuple[Box, Box, Box]:
    """Check that no method was meta-trained on these sets or classes, or has settings from them."""
    classes = dict.fromkeys(name for data in sets for name in data.classes)
    return (
        _by_record(
            "data sets unseen in meta-training",
            methods,
            lambda record: _sets_among(sets, record.stores),
            "trained on",
            BY_NAME,
        ),
        _by_record(
            "classes unseen in meta-training",
            methods,
            lambda record: [name for name in classes if same_name(name) in record.classes],
            "trained on pictures called",
            "by their readable names; this does not notice another word for the same thing",
        ),
        _by_record(
            "settings chosen elsewhere",
            methods,
            lambda record: _sets_among(sets, record.chosen_on),
            "chosen on",
            BY_NAME,
        ),
    )


def _by_record(
    name: str,
    methods: Sequence[Measured],
    overlap: Callable[[MetaTraining], list[str]],
    verb: str,
    compared_by: str,
) -> Box:
    shared = {
        method.name: None if method.meta_training is None else overlap(method.meta_training)
        for method in methods
    }
    outcomes: dict[str, Status] = {
        method: "unknown" if overlaps is None else "fail" if overlaps else "pass"
        for method, overlaps in shared.items()
    }
    failing = defaultdict[str, list[str]](list)
    for method, overlaps in shared.items():
        if overlaps:
            failing[_some(overlaps)].append(method)
    details = [
        f"{_some(names)} {'was' if len(names) == 1 else 'were'} {verb} {overlaps}"
        for overlaps, names in failing.items()
    ]
    unknown, passing = (
        [method for method, status in outcomes.items() if status == wanted]
        for wanted in ("unknown", "pass")
    )
    if unknown:
        details.append(f"there is no record of meta-training for {_some(unknown)}")
    if passing:
        ending = "s" if len(passing) > 1 else ""
        others = f"{len(passing)} other{ending}" if details else "all methods"
        details.append(f"true for {others}, {compared_by}")
    status: Status = "fail" if failing else "unknown" if unknown else "pass"
    return Box(name, status, "; ".join(details), outcomes)


def _sets_among(sets: Sequence[EvaluationSet], names: Collection[str]) -> list[str]:
    stores = dict.fromkeys(store for data in sets for store in data.stores)
    return [store for store in stores if store.casefold() in names]


def _on_both_sides(draws: pd.DataFrame, is_support: pd.Series, key: str) -> pd.DataFrame:
    """Return the tasks with each hash, or group, in both the rows `is_support` and the queries."""
    filled = draws[[*TASK, key]][draws[key] != ""]
    support, queries = (
        filled[side.loc[filled.index]].drop_duplicates() for side in (is_support, ~is_support)
    )
    return support.merge(queries, on=[*TASK, key])[TASK]


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - MOST_NAMED} more" if len(listed) > MOST_NAMED else ""
    return ", ".join(listed[:MOST_NAMED]) + more
