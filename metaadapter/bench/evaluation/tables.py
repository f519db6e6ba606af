"""The tables of an evaluation, in pandas and in CSV and Parquet files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from episodes import EpisodeRows
from metaadapter.bench.evaluation.cell import CellResult
from metaadapter.bench.evaluation.evaluation_set import EvaluationSet
from metaadapter.bench.evaluation.metrics import METRICS
from metaadapter.bench.evaluation.strangers import FarStrangers
from metaadapter.data.output_folder import Content
from metaadapter.data.plain_text import from_csv, in_csv
from metaadapter.data.regular_files import regular
from metaadapter.errors import DataError

COSTS = ("fit_seconds", "predict_seconds", "peak_mib", "trained_parameters")
CELL = ["method", "store", "part", "n_shot", "seed"]
POOL = ("n_pool", "pool_evenness")
FACTS = (*CELL, "task", "n_way", "n_query", *POOL)
TASK_COLUMNS = (*FACTS, *METRICS, *COSTS)

# Texts in Arrow cannot hold a file name with undecodable bytes, but it must not change.
TEXT = pd.StringDtype("python")
KINDS = {
    **dict.fromkeys(("method", "store", "part", "metric", "measure", "class"), TEXT),
    **dict.fromkeys(("true", "predicted"), TEXT),
    **dict.fromkeys(("role", "path", "sha256", "group"), TEXT),
    **dict.fromkeys(("n_shot", "seed", "task", "n_way", "n_query", "trained_parameters"), "Int64"),
    **dict.fromkeys(("support", "count", "bin", "n", "n_draws", "way", "shot", "picture"), "Int64"),
    **dict.fromkeys(("n_pool", "after", "n_classes", "n_bytes"), "Int64"),
}
"""Name of a column → its dtype; all other columns hold numbers or NaN."""
CHUNK = 2**18


def all_tables(
    results: Iterable[CellResult], sets: Mapping[str, EvaluationSet]
) -> dict[str, pd.DataFrame]:
    """Return the name of each table, which is also that of its file, → the table.

    - `rows`: the figures of each task, and harmonic means of accuracies on base and new classes.
    - `classes`: precision, recall and number of queries of each class, in all tasks of a seed.
    - `confusion`: the number of queries of one class that were predicted to be of another or of the
      same class, in all seeds; without counts of 0.
    - `bins`: mean confidence and fraction of correct answers by bin of confidence, in all seeds.
    - `mistakes`: the most confident wrong answers of each seed, the worst first.
    """
    results = list(results)
    pairs, mistakes = (_gathered(results, name, sets) for name in ("confusion", "mistakes"))
    bins = _added(_gathered(results, "bins", sets), "bin")
    bins = bins[bins["n"] > 0]
    n = bins["n"].astype(int)
    return {
        "rows": _rows(_gathered(results, "rows", sets)),
        "classes": _classes(pairs),
        "confusion": _added(pairs, "true", "predicted"),
        "bins": bins.assign(confidence=bins["confidence"] / n, right=bins["right"] / n),
        "mistakes": mistakes[[*CELL, "path", "sha256", "true", "predicted", "confidence", "own"]],
    }


def _gathered(
    results: Iterable[CellResult], name: str, sets: Mapping[str, EvaluationSet]
) -> pd.DataFrame:
    """Return one table of all cells, with names instead of the numbers of classes and pictures."""
    columns = gathered(results, name)
    data = [sets[store] for store in columns["store"]]

    def looked_up(key: str, attribute: str) -> list[Any]:
        numbers = zip(data, columns[key], strict=True)
        return [getattr(of_set, attribute)[number] for of_set, number in numbers]

    for key in {"true", "predicted"} & columns.keys():
        columns[key] = looked_up(key, "classes")
    if name == "mistakes":
        columns["path"] = looked_up("picture", "paths_n")
        columns["sha256"] = looked_up("picture", "contents_n")
    return table(columns)


def gathered(results: Iterable[CellResult], name: str) -> dict[str, list[Any]]:
    """Return the columns of one table of all cells; the columns of `Cell` are first."""
    columns: defaultdict[str, list[Any]] = defaultdict(list)
    for result in results:
        of_cell = result.tables[name]
        for key, value in result.cell._asdict().items():
            columns[key] += [value] * len(next(iter(of_cell.values())))
        for key, values in of_cell.items():
            columns[key] += values
    return columns


def _rows(rows: pd.DataFrame) -> pd.DataFrame:
    own_metrics = [name for name in rows if name not in TASK_COLUMNS]
    rows = rows[[*TASK_COLUMNS[: -len(COSTS)], *own_metrics, *COSTS]]
    of_part = {part: group.reset_index(drop=True) for part, group in rows.groupby("part")}
    if "new" not in of_part:
        return rows
    base, new = of_part["base"], of_part["new"]
    base_accuracy, new_accuracy = base["accuracy"], new["accuracy"]
    harmonic = base[[*CELL, "task", *POOL]]
    harmonic = harmonic.assign(part=table({"part": ["harmonic"] * len(base)})["part"])
    harmonic["n_query"] = base["n_query"] + new["n_query"]
    total = base_accuracy + new_accuracy
    harmonic["accuracy"] = (2 * base_accuracy * new_accuracy / total).fillna(0.0)
    return pd.concat([rows, harmonic], ignore_index=True)


def _classes(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the table `classes`: cells in their order, the classes of a cell sorted by name."""
    pairs = pairs.assign(
        cell=pairs.groupby(CELL, sort=False).ngroup(),
        right=pairs["count"].where(pairs["true"] == pairs["predicted"], 0),
    )
    true, predicted = (
        pairs.rename(columns={side: "class"})
        .groupby(["cell", *CELL, "class"])[["count", "right"]]
        .sum()
        .astype(float)
        for side in ("true", "predicted")
    )
    columns = {
        "precision": predicted["right"] / predicted["count"],
        "recall": true["right"] / true["count"],
        "support": true["count"],
    }
    classes = pd.DataFrame(columns).reset_index().drop(columns="cell")
    return classes.assign(support=classes["support"].fillna(0).astype("Int64"))


def _added(rows: pd.DataFrame, *keys: str) -> pd.DataFrame:
    """Return the sums of counts over the seeds, for each value of `keys`."""
    grouped = rows.drop(columns="seed").groupby([*CELL[:-1], *keys], sort=False, as_index=False)
    return grouped.sum()


def draw_table(
    draws: Iterable[tuple[EvaluationSet, int, EpisodeRows, FarStrangers | None]],
) -> pd.DataFrame:
    """Return a row for each picture of each task; a support of k shots has `shot` ≤ k."""
    parts = []
    for task_set, seed, rows, far in draws:
        roles = [
            ("support", task_set, rows.support_TNK.numpy()),
            ("query", task_set, rows.query_TNQ.numpy()),
            ("unknown", task_set, rows.off_class_TO.numpy()[:, None]),
            ("pool", task_set, rows.pool_TU.numpy()[:, None]),
        ]
        if far is not None:
            roles.append(("far", far.data, far.picture_TF.numpy()[:, None]))
        for role, data, places in roles:
            task, way, step = (places >= 0).nonzero()
            picture = places[task, way, step]
            columns = {
                "store": [task_set.name] * len(picture),
                "seed": [seed] * len(picture),
                "task": task,
                "way": way if role in ("support", "query") else np.full_like(way, -1),
                "class": [data.classes[number] for number in data.labels_n[picture]],
                "role": [role] * len(picture),
                "shot": step + 1 if role == "support" else np.zeros_like(step),
                "picture": picture,
                "path": data.paths_n[picture],
                "sha256": data.contents_n[picture],
                "group": data.groups_n[picture],
            }
            parts.append(table(columns))
    return pd.concat(parts, ignore_index=True)


def table(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Return a table of these columns, each with its dtype."""
    return pd.DataFrame(
        {name: pd.Series(values, dtype=_kind(name)) for name, values in columns.items()}
    )


def table_files(tables: Mapping[str, pd.DataFrame]) -> dict[str, Content]:
    """Return file name → content: each table as CSV; the rows also as Parquet, given pyarrow."""
    files = {f"{name}.csv": csv_content(rows) for name, rows in tables.items() if name != "draws"}
    if "draws" in tables:
        files["draws.csv.gz"] = csv_content(tables["draws"], packed=True)
    if len(tables["rows"]) and find_spec("pyarrow"):
        # Texts in Parquet are UTF-8 only.
        files["rows.parquet"] = _with_texts(tables["rows"], _legible).to_parquet
    return files


def _legible(text: str) -> str:
    r"""Write undecodable bytes as `\xe9`."""
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")


def csv_content(rows: pd.DataFrame, *, packed: bool = False) -> Content:
    """Return the content of a CSV file."""
    return partial(
        _with_texts(rows, in_csv).to_csv,
        index=False,
        errors="surrogateescape",
        compression="gzip" if packed else None,
        # With a line end without \r, a text that has a carriage return would not be quoted.
        lineterminator="\r\n",
    )


def read_table(path: Path, **wanted: Iterable[Any]) -> pd.DataFrame:
    """Read a CSV file of `table_files`; keep the rows with a value in `wanted` (column → values).

    The file is read in parts, because all confusions of a thousand classes do not fit into memory.
    Raise `DataError` if the table is missing or damaged.
    """
    try:
        names = pd.read_csv(regular(path), nrows=0, encoding_errors="surrogateescape").columns
        parts = []
        with pd.read_csv(
            path,
            encoding_errors="surrogateescape",
            dtype={name: _kind(name) for name in names},
            # "NA" may be the name of a class.
            keep_default_na=False,
            na_values={name: [""] for name in names if _kind(name) != TEXT},
            index_col=False,
            chunksize=CHUNK,
        ) as chunks:
            for chunk in chunks:
                for name, values in wanted.items():
                    chunk = chunk[chunk[name].isin([in_csv(value) for value in values])]
                parts.append(_with_texts(chunk, from_csv))
        return pd.concat(parts, ignore_index=True)
    except (OSError, ValueError) as error:
        raise DataError(
            f"cannot read the table {path}: {error}; repeat the command `metaadapter evaluate` "
            "that wrote its folder, and it is written again"
        ) from error


def _with_texts(rows: pd.DataFrame, change: Callable[[Any], Any]) -> pd.DataFrame:
    texts = {}
    for name in rows:
        if _kind(name) == TEXT:
            changed = {text: change(text) for text in set(rows[name])}  # few distinct values
            texts[name] = pd.Series([changed[text] for text in rows[name]], rows.index, TEXT)
    return rows.assign(**texts)


def _kind(name: str) -> Any:
    return KINDS.get(name, "float64")
