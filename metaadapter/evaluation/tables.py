"""The rows of all cells as tidy tables: a row a task, a class, a confusion, a bin, a mistake."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from metaadapter.evaluation.evaluation_set import EvaluationSet
from metaadapter.evaluation.journal import CellResult
from metaadapter.evaluation.metrics import METRICS
from metaadapter.evaluation.table_files import table

__all__ = [
    "COSTS",
    "TASK_COLUMNS",
    "all_tables",
]

COSTS = ("fit_seconds", "predict_seconds", "peak_mib", "trained_parameters")
CELL = ["method", "store", "part", "n_shot", "seed"]
TASK_COLUMNS = (*CELL, "task", "n_way", "n_query", *METRICS, *COSTS)


def all_tables(
    results: Iterable[CellResult], sets: Mapping[str, EvaluationSet]
) -> dict[str, pd.DataFrame]:
    """By the names of their files.

    - `rows`: the figures of each task; where base and new classes were judged, further rows have
      the harmonic mean of both accuracies.
    - `classes`: precision, recall and number of queries of each class, over the tasks of a seed;
      empty where there is none.
    - `confusion`: how often a class was predicted to be another, or itself, over all seeds; counts
      of 0 are left out.
    - `bins`: mean confidence and fraction of correct answers by bin of confidence, over all seeds.
    - `mistakes`: the most confident wrong answers of each seed, the worst first.
    """
    results = list(results)
    names = {name: data.classes for name, data in sets.items()}
    pairs = _gathered(results, "confusion")
    mistakes = _gathered(results, "mistakes")
    return {
        "rows": _rows(_gathered(results, "rows")),
        "classes": _named(_classes(pairs), names, "class"),
        "confusion": _named(_confusion(pairs), names, "true", "predicted"),
        "bins": _bins(_gathered(results, "bins")),
        "mistakes": _named(_with_files(mistakes, sets), names, "true", "predicted"),
    }


def _gathered(results: Iterable[CellResult], name: str) -> pd.DataFrame:
    """A table of all cells, classes by their numbers."""
    columns: defaultdict[str, list[Any]] = defaultdict(list)
    for result in results:
        found = result.tables[name]
        n_rows = len(found["part"])
        for key, value in result.cell._asdict().items():
            columns[key] += [value] * n_rows
        for key, values in found.items():
            columns[key] += values
    numbers = ("true", "predicted", "picture")
    return pd.DataFrame(
        {
            key: np.array(values, dtype=int) if key in numbers else table({key: values})[key]
            for key, values in columns.items()
        }
    )


def _rows(rows: pd.DataFrame) -> pd.DataFrame:
    own = [name for name in rows if name not in TASK_COLUMNS]
    rows = rows[[*TASK_COLUMNS[: -len(COSTS)], *own, *COSTS]]
    of_part = {part: found.reset_index(drop=True) for part, found in rows.groupby("part")}
    if "new" not in of_part:
        return rows
    base, new = of_part["base"], of_part["new"]
    one, other = base["accuracy"], new["accuracy"]
    harmonic = base[[*CELL, "task"]].assign(part=table({"part": ["harmonic"] * len(base)})["part"])
    harmonic["n_query"] = base["n_query"] + new["n_query"]
    harmonic["accuracy"] = (2 * one * other / (one + other)).fillna(0.0)
    return pd.concat([rows, harmonic], ignore_index=True)


def _classes(pairs: pd.DataFrame) -> pd.DataFrame:
    count = pairs["count"]
    pairs = pairs.assign(cell=pairs.groupby(CELL, sort=False).ngroup())
    sums = (
        pd.concat(
            [
                pairs.assign(
                    **{"class": pairs["true"], "support": count, "predictions": 0, "n": 0}
                ),
                pairs.assign(
                    **{"class": pairs["predicted"], "support": 0, "predictions": count},
                    n=count.where(pairs["true"] == pairs["predicted"], 0),
                ),
            ]
        )
        .groupby(["cell", *CELL, "class"], as_index=False)[["support", "predictions", "n"]]
        .sum()
    )
    n_correct, n_true, n_predicted = (
        sums[name].astype(float) for name in ("n", "support", "predictions")
    )
    sums["precision"] = n_correct / n_predicted.where(n_predicted > 0)
    sums["recall"] = n_correct / n_true.where(n_true > 0)
    return sums[[*CELL, "class", "precision", "recall", "support"]]


def _confusion(pairs: pd.DataFrame) -> pd.DataFrame:
    keys = [*CELL[:-1], "true", "predicted"]
    return pairs.groupby(keys, sort=False, as_index=False)["count"].sum()


def _bins(bins: pd.DataFrame) -> pd.DataFrame:
    keys = [*CELL[:-1], "bin"]
    sums = bins.groupby(keys, sort=False, as_index=False)[["n", "confidence", "right"]].sum()
    sums = sums[sums["n"] > 0]
    n = sums["n"].astype(int)
    return sums.assign(confidence=sums["confidence"] / n, right=sums["right"] / n)


def _with_files(mistakes: pd.DataFrame, sets: Mapping[str, EvaluationSet]) -> pd.DataFrame:
    for name in ("path", "sha256"):
        column = "paths_n" if name == "path" else "contents_n"
        files = [
            getattr(sets[store], column)[picture]
            for store, picture in zip(mistakes["store"], mistakes["picture"], strict=True)
        ]
        mistakes = mistakes.assign(**{name: table({name: files})[name]})
    return mistakes[[*CELL, "path", "sha256", "true", "predicted", "confidence", "own"]]


def _named(rows: pd.DataFrame, names: Mapping[str, tuple[str, ...]], *columns: str) -> pd.DataFrame:
    """Names in place of the numbers of classes."""
    found = {}
    for column in columns:
        labels = [
            names[store][number] for store, number in zip(rows["store"], rows[column], strict=True)
        ]
        found[column] = table({column: labels})[column]
        found[column].index = rows.index
    return rows.assign(**found)
