"""Folders of embeddings as clip-retrieval writes them.

`img_emb/img_emb_N.npy` holds the features of the pictures of part N, one row for each picture;
`metadata/metadata_N.parquet` holds a row of facts for each of them, in the same order. Numbers may
have leading zeros. Source: R. Beaumont, clip-retrieval, `clip_inference/writer.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from metaadapter.data.machine_errors import is_shortage
from metaadapter.data.packed import open_parquet
from metaadapter.data.regular_files import regular
from metaadapter.data.url import Url
from metaadapter.errors import DataError

FEATURES, METADATA = "img_emb", "metadata"
AGAIN = "copy this part again from where it was made, or run clip-retrieval inference again"
# The number of rows in memory at a time.
CHUNK_ROWS = 8_192


class Part(NamedTuple):
    """The files of one part, and the features, which stay on disk."""

    features: np.ndarray
    file: Path
    metadata: Path


@dataclass(frozen=True, eq=False)
class EmbeddingFolder:
    """The parts of a folder in the order of their numbers; all are as wide and of one type.

    `missing` are numbers below the largest one that no part has.
    """

    path: Path
    parts: tuple[Part, ...]
    columns: tuple[str, ...]
    missing: tuple[int, ...]

    @classmethod
    def open(cls, path: Path) -> EmbeddingFolder:
        """Open a folder and compare its parts; no feature is read yet.

        Raises:
            DataError: A part lacks a file, is damaged, or differs in width or type of number from
                the first; or its two files have different numbers of rows.
        """
        files, tables = _numbered(path / FEATURES, ".npy"), _numbered(path / METADATA, ".parquet")
        for number in sorted(files.keys() ^ tables.keys()):
            lacks = METADATA if number in files else FEATURES
            raise DataError(
                f"part {number} of {path} is not complete: {lacks} has no file of this number; "
                + AGAIN
            )
        if not files:
            raise DataError(f"there is no {FEATURES}_N.npy in {path / FEATURES}")
        numbers = sorted(files)
        parts = tuple(Part(_load(files[n]), files[n], tables[n]) for n in numbers)
        columns = [_columns_of(part) for part in parts]
        for part in parts[1:]:
            _require_like(parts[0], part)
        missing = tuple(sorted({*range(numbers[-1])} - files.keys()))
        return cls(path, parts, columns[0], missing)

    @property
    def dim(self) -> int:
        """The width of the features."""
        return int(self.parts[0].features.shape[1])

    def __len__(self) -> int:
        return sum(len(part.features) for part in self.parts)

    def read(
        self, columns: Sequence[str]
    ) -> Iterator[tuple[Part, int, np.ndarray, list[list[Any]]]]:
        """Yield rows: their part, the number of the first row in it, features and the columns."""
        for part in self.parts:
            with open_parquet(part.metadata, AGAIN) as table:
                names, start = table.schema_arrow.names, 0
                for column in set(columns) - {*names}:
                    raise DataError(
                        f"{part.metadata} has no column {column!r}; it has {', '.join(names)}"
                    )
                for batch in table.iter_batches(CHUNK_ROWS, columns=[*dict.fromkeys(columns)]):
                    facts = [[*map(_plain, batch[column].to_pylist())] for column in columns]
                    yield part, start, part.features[start : start + len(batch)], facts
                    start += len(batch)


def is_embedding_folder(path: Path) -> bool:
    """Return whether a folder has the two folders of clip-retrieval, and features in them."""
    if isinstance(path, Url):
        return False
    return (path / METADATA).is_dir() and any((path / FEATURES).glob(f"{FEATURES}_*.npy"))


def _numbered(folder: Path, ending: str) -> dict[int, Path]:
    files: dict[int, Path] = {}
    for path in sorted(folder.glob(f"*{ending}")):
        match = re.fullmatch(rf"{folder.name}_(\d+){ending}", path.name, re.ASCII)
        if match is None:
            raise DataError(
                f"expected {folder.name}_N{ending} with a number N in {folder}, got {path.name}; "
                "rename this file, or remove it"
            )
        other = files.setdefault(int(match[1]), path)
        if other != path:
            raise DataError(
                f"{other.name} and {path.name} in {folder} have the same number, so they come from "
                "two runs; keep the files of one run"
            )
    return files


def _load(file: Path) -> np.ndarray:
    try:
        features: np.ndarray = np.load(regular(file), mmap_mode="r", allow_pickle=False)
    except Exception as error:  # numpy parses the header as Python, which may raise any error
        if is_shortage(error):
            raise
        raise DataError(f"{file} cannot be read ({error}); {AGAIN}") from error
    if features.ndim != 2 or not np.issubdtype(features.dtype, np.floating):
        raise DataError(
            f"expected features as (pictures, width) of floating-point numbers in {file}, got "
            f"{features.shape} of {features.dtype}; {AGAIN}"
        )
    return features


def _columns_of(part: Part) -> tuple[str, ...]:
    with open_parquet(part.metadata, AGAIN) as table:
        if (n_rows := table.metadata.num_rows) != len(part.features):
            raise DataError(
                f"{part.file} has {len(part.features)} rows, but {part.metadata} has {n_rows}: "
                f"nothing says which rows belong together; {AGAIN}"
            )
        return tuple(table.schema_arrow.names)


def _require_like(first: Part, part: Part) -> None:
    kinds = [
        f"{one.features.shape[1]} numbers of {one.features.dtype} a row" for one in (first, part)
    ]
    if kinds[0] != kinds[1]:
        raise DataError(
            f"{first.file} has {kinds[0]}, but {part.file} has {kinds[1]}, so they come from two "
            "encoders or two runs; keep the parts of one run, or make a store of each"
        )


def _plain(value: Any) -> Any:
    """Return a value of a table of pandas, where numbers become fractions if one is missing."""
    if isinstance(value, float):
        return None if np.isnan(value) else int(value) if value.is_integer() else str(value)
    return value
