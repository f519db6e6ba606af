"""Checks of whether figures can be trusted, one for each way in which they could be too good."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import SystemRandom
from typing import Any, Literal

import numpy as np
import pandas as pd

from metaadapter.bench.evaluation.cells import Cell, CellResult
from metaadapter.bench.evaluation.methods.method import Measured, MetaTraining
from metaadapter.bench.evaluation.metrics import Tables
from metaadapter.bench.evaluation.sets.evaluation_set import EvaluationSet, same_name
from metaadapter.bench.evaluation.sets.name_level import MADE, OWN
from metaadapter.bench.evaluation.tables import COSTS
from metaadapter.files.user_code import is_user_code
from metaadapter.training.training_record import short_hash

Status = Literal["pass", "fail", "unknown"]
MOST_NAMED = 5
BY_NAME = "by the names of their stores; this does not notice a renamed copy"
BY_PICTURES = "by the names of their stores and the bytes of their pictures"
TASK = ["store", "seed", "task"]
# The largest difference of two figures of one cell that count as equal.
TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Box:
    """The outcome of one check; every report shows it."""

    name: str
    status: Status
    """"fail" if any method fails, else "unknown" if the outcome of any method is unknown."""
    detail: str
    methods: Mapping[str, Status] = field(default_factory=dict)
    """Method → its outcome."""


def check_integrity(
    draws: pd.DataFrame,
    methods: Sequence[Measured],
    sets: Sequence[EvaluationSet],
) -> tuple[Box, ...]:
    """Run all checks of the methods on the sets; the draws are those of `draw_table`."""
    apart = support_apart(draws, methods)
    if own := [method.name for method in methods if is_user_code(method.name)]:
        unchecked = f"which files {some(own)} may read was not checked"
        apart = replace(apart, detail=f"{apart.detail}; {unchecked}")
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
    listed = some(f"{store}: {count} in a task" for store, count in most.items())
    detail = {
        "fail": f"pictures with the same bytes, or of one group, are on both sides: {listed}",
        "unknown": f"{n_unknown} of {n_tasks} tasks have pictures without a hash",
        "pass": f"compared by the hash of their bytes in {n_tasks} tasks, and by the features of "
        "near copies; this does not notice a picture that was mirrored, cropped or strongly "
        "compressed",
    }
    outcomes = dict.fromkeys([method.name for method in methods], status)
    return Box("support and queries apart", status, detail[status], outcomes)


def _on_both_sides(draws: pd.DataFrame, is_support: pd.Series, key: str) -> pd.DataFrame:
    """Return the tasks with each hash, or group, in both the rows `is_support` and the queries."""
    filled = draws[[*TASK, key]][draws[key] != ""]
    support, queries = (
        filled[side.loc[filled.index]].drop_duplicates() for side in (is_support, ~is_support)
    )
    return support.merge(queries, on=[*TASK, key])[TASK]


def check_records(
    methods: Sequence[Measured], sets: Sequence[EvaluationSet]
) -> tuple[Box, Box, Box]:
    """Check that no method was meta-trained on these sets or classes, or has settings from them."""
    classes = dict.fromkeys(name for data in sets for name in data.classes)
    return (
        _by_record(
            "data sets unseen in meta-training",
            methods,
            lambda record: _sets_among(sets, record.stores, record.pictures),
            "trained on",
            lambda record: BY_NAME if record.pictures is None else BY_PICTURES,
        ),
        _by_record(
            "classes unseen in meta-training",
            methods,
            lambda record: [name for name in classes if same_name(name) in record.classes],
            "trained on pictures called",
            lambda _: (
                "by their readable names; this does not notice another word for the same thing"
            ),
        ),
        _by_record(
            "settings chosen elsewhere",
            methods,
            lambda record: _sets_among(sets, record.chosen_on, record.chosen_pictures),
            "chosen on",
            lambda record: BY_NAME if record.chosen_pictures is None else BY_PICTURES,
        ),
    )


def _by_record(
    name: str,
    methods: Sequence[Measured],
    overlap: Callable[[MetaTraining], list[str]],
    verb: str,
    compared_by: Callable[[MetaTraining], str],
) -> Box:
    outcomes: dict[str, Status] = {}
    failing, passing = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    for method in methods:
        outcomes[method.name] = "unknown"
        if (record := method.meta_training) is not None:
            shared = overlap(record)
            outcomes[method.name] = "fail" if shared else "pass"
            texts, text = (failing, some(shared)) if shared else (passing, compared_by(record))
            texts[text].append(method.name)
    unknown = [method for method, status in outcomes.items() if status == "unknown"]
    details = [
        f"{some(names)} {'was' if len(names) == 1 else 'were'} {verb} {overlaps}"
        for overlaps, names in failing.items()
    ]
    if unknown:
        details.append(f"there is no record of meta-training for {some(unknown)}")
    for way, names in passing.items():
        whose = "all methods" if len(names) == len(methods) else some(names)
        details.append(f"true for {whose}, {way}")
    status: Status = "fail" if failing else "unknown" if unknown else "pass"
    return Box(name, status, "; ".join(details), outcomes)


def _sets_among(
    sets: Sequence[EvaluationSet], names: Collection[str], pictures: Collection[str] | None
) -> list[str]:
    """Return the stores of these names, and the sets with these pictures (starts of hashes)."""
    stores = dict.fromkeys(store for data in sets for store in data.stores)
    among = [store for store in stores if store.casefold() in names]
    for data in sets:
        shared = {short_hash(sha256) for sha256 in data.contents_n} & set(pictures or ())
        if shared and not set(data.stores) & set(among):
            among.append(f"{len(shared)} pictures of {data.name}")
    return among


def some(names: Iterable[str]) -> str:
    """Return the first names, and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - MOST_NAMED} more" if len(listed) > MOST_NAMED else ""
    return ", ".join(listed[:MOST_NAMED]) + more


def audit_cells(
    results: Sequence[CellResult],
    n_cells: int,
    measure: Callable[[Sequence[Cell]], Iterable[tuple[Cell, Tables]]],
) -> Box:
    """Measure `n_cells` random cells of the results again, and compare all figures but the costs.

    The outcome has an entry only for the methods of these cells.
    """
    chosen = SystemRandom().sample(list(results), min(n_cells, len(results)))
    kept = {result.cell: result.tables for result in chosen}
    methods: dict[str, Status] = {}
    different = []
    for cell, tables in measure(list(kept)):
        changed = _difference(kept[cell], tables)
        methods[cell.method] = "fail" if changed else methods.get(cell.method, "pass")
        if changed:
            different.append(f"{cell} ({changed})")
    detail = "all figures are equal" if chosen else "none was measured before this run"
    if different:
        detail = (
            f"{len(different)} are different: {some(different)}; on another machine rounding may "
            "change single answers"
        )
    return Box(
        "cells measured again",
        "fail" if different else "pass" if chosen else "unknown",
        f"{len(chosen)} of {len(results)} cells, chosen at random: {detail}",
        methods,
    )


def _difference(kept: Tables, now: Tables) -> str:
    """Return the table and the column of a figure that came out otherwise; "" if all are equal."""
    for name in kept:
        before, after = kept[name], now.get(name, {})
        for column in (column for column in before if column not in COSTS):
            if column not in after or not _equal(before[column], after[column]):
                return f"{column} of the {name}"
    return ""


def _equal(one: Sequence[Any], other: Sequence[Any]) -> bool:
    if len(one) != len(other) or any(isinstance(value, str) for value in one):
        return list(one) == list(other)
    before, now = (np.array(values, dtype=float) for values in (one, other))
    return np.allclose(before, now, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
