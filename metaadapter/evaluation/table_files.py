"""Tidy tables as values of pandas, and as CSV and Parquet files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from metaadapter.atomic_files import replace_file
from metaadapter.errors import DataError

__all__ = ["read_table", "table", "write_table"]

# A file name of undecodable bytes comes back as the same bytes: Arrow's texts cannot hold it.
TEXT = pd.StringDtype("python")
KINDS = {
    **dict.fromkeys(("method", "store", "part", "metric", "class", "true", "predicted"), TEXT),
    **dict.fromkeys(("role", "path", "sha256", "group"), TEXT),
    **dict.fromkeys(("n_shot", "seed", "task", "n_way", "n_query", "trained_parameters"), "Int64"),
    **dict.fromkeys(("support", "count", "bin", "n", "n_draws", "way", "shot", "picture"), "Int64"),
}
"""Column → its kind; all others hold numbers, NaN where there is none."""
# Of the columns that come last in a table; in all others a line without it was cut off.
MAY_BE_EMPTY = ("group", "trained_parameters")
CHUNK = 2**18


def table(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Columns, each of its kind."""
    return pd.DataFrame(
        {name: pd.Series(values, dtype=_kind(name)) for name, values in columns.items()}
    )


def write_table(path: Path, rows: pd.DataFrame, *, parquet: bool = False) -> None:
    """Write a CSV file and, if asked for and pyarrow is there, a Parquet file beside it.

    Args:
        path: Of the CSV file, which is compressed if its name ends in .gz.
        rows: The table.
        parquet: Whether a Parquet file is wanted.
    """
    # The same table gives the same bytes, whenever it is written.
    packed: Any = {"method": "gzip", "mtime": 0} if path.suffix == ".gz" else None
    replace_file(
        path,
        lambda file: rows.to_csv(
            file, index=False, errors="surrogateescape", compression=packed, lineterminator="\n"
        ),
    )
    if parquet and len(rows):
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            return
        replace_file(path.with_suffix(".parquet"), rows.to_parquet)


def read_table(path: Path, **wanted: Iterable[Any]) -> pd.DataFrame:
    """Read what `write_table` wrote.

    Args:
        path: Of the CSV file.
        wanted: Column → its values, of the rows to read; a table of all confusions of a thousand
            classes is not for the memory.

    Raises:
        DataError: There is no such table, or it is damaged.
    """
    try:
        names = pd.read_csv(path, nrows=0, encoding_errors="surrogateescape").columns
        texts = [name for name in names if _kind(name) == TEXT]
        last = [name for name in names[-1:] if name not in MAY_BE_EMPTY]
        found = []
        with pd.read_csv(
            path,
            encoding_errors="surrogateescape",
            dtype={name: _kind(name) for name in names},
            # A class may be called NA.
            keep_default_na=False,
            na_values={name: [""] for name in names if name not in texts},
            chunksize=CHUNK,
        ) as chunks:
            for chunk in chunks:
                if chunk[last].isna().any(axis=None) or not isinstance(chunk.index, pd.RangeIndex):
                    raise ValueError("a line has another number of columns than the first one")
                for name, values in wanted.items():
                    chunk = chunk[chunk[name].isin(list(values))]
                found.append(chunk)
        return pd.concat(found, ignore_index=True)
    except (OSError, ValueError) as error:
        raise DataError(
            f"cannot read the table {path}: {error}; the command `metaadapter evaluate` of its "
            "folder, given again, writes it anew"
        ) from error


def _kind(name: str) -> Any:
    return KINDS.get(name, "float64")
