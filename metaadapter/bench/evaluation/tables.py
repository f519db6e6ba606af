"""The tables of an evaluation, in pandas and in CSV files."""

from __future__ import annotations

import gzip
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pandas as pd

from episodes import EpisodeRows
from metaadapter.bench.evaluation.cells import CellResult
from metaadapter.bench.evaluation.metrics import METRICS
from metaadapter.bench.evaluation.sets.evaluation_set import EvaluationSet
from metaadapter.bench.evaluation.strangers import FarStrangers
from metaadapter.errors import DataError
from metaadapter.files.output_folder import Content
from metaadapter.files.plain_text import from_csv, in_csv
from metaadapter.files.regular_files import regular
from metaadapter.files.table_file import Column, table_content

COSTS = ("fit_seconds", "predict_seconds", "peak_mib")
CELL = ["method", "store", "n_shot", "seed"]
FACTS = (*CELL, "task", "n_way", "n_query")
TASK_COLUMNS = (*FACTS, *METRICS, *COSTS)

KINDS: dict[str, type[str | int]] = {
    **dict.fromkeys(("method", "store", "set", "metric", "measure", "class"), str),
    **dict.fromkeys(("true", "predicted", "role", "path", "sha256", "group"), str),
    **dict.fromkeys(("n_shot", "shots", "seed", "task", "n_way", "n_query"), int),
    **dict.fromkeys(("support", "count", "bin", "n", "n_draws"), int),
    **dict.fromkeys(("way", "shot", "picture", "after", "n_classes", "n_bytes"), int),
    **dict.fromkeys(("n_pictures", "n_queries"), int),
}
"""Name of a column → the kind of its values; all other columns hold numbers or NaN."""
# Texts in Arrow cannot hold a file name with undecodable bytes, but it must not change.
DTYPES = {str: pd.StringDtype("python"), int: "Int64", float: "float64"}
CHUNK = 2**18


def all_tables(
    results: Iterable[CellResult], sets: Mapping[str, EvaluationSet]
) -> dict[str, pd.DataFrame]:
    """Return the name of each table, which is also that of its file, → the table.

    - `rows`: the figures of each task.
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
    further = [name for name in rows if name not in TASK_COLUMNS]
    return rows[[*TASK_COLUMNS[: -len(COSTS)], *further, *COSTS]]


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
        {name: pd.Series(values, dtype=DTYPES[_kind(name)]) for name, values in columns.items()}
    )


def table_files(tables: Mapping[str, pd.DataFrame]) -> dict[str, Content]:
    """Return file name → content: each table as CSV."""
    files = {f"{name}.csv": content(rows) for name, rows in tables.items() if name != "draws"}
    if "draws" in tables:
        files["draws.csv.gz"] = content(tables["draws"], packed=True)
    return files


def content(rows: pd.DataFrame, *, packed: bool = False) -> Content:
    """Return the content of a CSV file, compressed if `packed`."""
    columns = [Column(name, _kind(name)) for name in rows]

    def cells() -> Iterator[Sequence[object]]:
        for first in range(0, len(rows), CHUNK):
            part = rows.iloc[first : first + CHUNK]
            known = part.astype(object).where(part.notna(), None)
            yield from known.itertuples(index=False, name=None)

    def write(file: IO[bytes]) -> None:
        table_content(".csv", columns, cells())(file)

    def write_packed(file: IO[bytes]) -> None:
        with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed_file:
            write(cast(IO[bytes], packed_file))

    return write_packed if packed else write


def read_table(path: Path, **wanted: Iterable[Any]) -> pd.DataFrame:
    """Read a CSV file of `table_files`; keep the rows with a value in `wanted` (column → values).

    The file is read in parts, because all confusions of a thousand classes do not fit into memory.
    Raise `DataError` if the table is missing or damaged.
    """
    try:
        names = pd.read_csv(regular(path), nrows=0, encoding_errors="surrogateescape").columns
        texts, parts = [name for name in names if _kind(name) is str], []
        with pd.read_csv(
            path,
            encoding_errors="surrogateescape",
            dtype={name: DTYPES[_kind(name)] for name in names},
            # "NA" may be the name of a class.
            keep_default_na=False,
            na_values={name: [""] for name in names if name not in texts},
            chunksize=CHUNK,
        ) as chunks:
            for chunk in chunks:
                for name, values in wanted.items():
                    chunk = chunk[chunk[name].isin([in_csv(value) for value in values])]
                parts.append(chunk.assign(**{name: _without_marks(chunk[name]) for name in texts}))
        return pd.concat(parts, ignore_index=True)
    except (OSError, ValueError) as error:
        raise DataError(
            f"cannot read the table {path}: {error}; repeat the command `metaadapter evaluate` "
            "that wrote its folder, and it is written again"
        ) from error


def _without_marks(column: pd.Series) -> pd.Series:
    """Undo `in_csv`; a column has few distinct texts."""
    texts = {text: from_csv(text) for text in set(column)}
    return pd.Series([texts[text] for text in column], column.index, DTYPES[str])


def _kind(name: str) -> type[str | int | float]:
    return KINDS.get(name, float)
