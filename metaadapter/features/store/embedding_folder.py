"""Folders of embeddings as clip-retrieval writes them: read, or written from a feature store.

`img_emb/img_emb_N.npy` holds the features of the pictures of part N, one row for each picture;
`metadata/metadata_N.parquet` holds a row of facts for each of them, in the same order. Numbers may
have leading zeros. Source: R. Beaumont, clip-retrieval, `clip_inference/writer.py`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from metaadapter.data.machine_errors import is_shortage
from metaadapter.data.output_folder import replace_file, require_no_link, write_errors
from metaadapter.data.packed import open_parquet
from metaadapter.data.regular_files import regular
from metaadapter.data.url import Url
from metaadapter.errors import DataError
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.views import mean_of_views

if TYPE_CHECKING:
    import pyarrow as pa

FEATURES, METADATA = "img_emb", "metadata"
AGAIN = "copy this part again from where it was made, or run clip-retrieval inference again"
# The number of rows in memory at a time.
CHUNK_ROWS = 8_192
# The rows of one part that is written, as many as clip-retrieval writes by default.
PART_ROWS = 1_000_000


class Part(NamedTuple):
    """The files of one part, and the features, which stay on disk."""

    features: np.ndarray
    file: Path
    metadata: Path


class EmbeddingFolder(NamedTuple):
    """The parts of a folder in the order of their numbers; all are equally wide.

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
            DataError: A part lacks a file, is damaged, or differs in width from the first; or its
                two files have different numbers of rows.
        """
        files = _numbered(path / FEATURES, ".npy")
        tables = _numbered(path / METADATA, ".parquet")
        for number in sorted(files.keys() ^ tables.keys()):
            lacks = METADATA if number in files else FEATURES
            raise DataError(
                f"part {number} of {path} is not complete: {lacks} has no file of this number; "
                + AGAIN
            )
        if not files:
            raise DataError(f"there is no {FEATURES}_N.npy in {path / FEATURES}")
        numbers = sorted(files, key=int)
        parts = list[Part]()
        for number in numbers:
            width = parts[0].features.shape[1] if parts else None
            parts.append(Part(_load(files[number], width), files[number], tables[number]))
        columns = [_columns_of(part) for part in parts]
        missing = sorted({*range(int(numbers[-1]))} - {*map(int, numbers)})
        return cls(path, tuple(parts), columns[0], tuple(missing))

    @property
    def dim(self) -> int:
        """The width of the features."""
        return int(self.parts[0].features.shape[1])

    @property
    def n_rows(self) -> int:
        """The number of pictures."""
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


def store_to_embeddings(store: FeatureStore, out: Path) -> int:
    """Write the features of each picture, the mean of its views, and return the number of parts.

    `img_emb` has float16, `metadata` the columns `image_path`, `label`, `split` and `group`. The
    folder appears when it is
    complete.

    Raises:
        DataError: `out` exists and is not empty, or cannot be written.
    """
    import pyarrow.parquet

    from metaadapter.features.store.writer import CHUNK_PICTURES, write_rows

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} exists already and is not empty; choose a new folder")
    unfinished = out.with_name(f"{out.name}.partial")
    require_no_link(unfinished)
    n_parts = -(-store.n_pictures // PART_ROWS)
    with write_errors(str(out)):
        shutil.rmtree(unfinished, ignore_errors=True)
        for folder in (FEATURES, METADATA):
            (unfinished / folder).mkdir(parents=True)
        for number in range(n_parts):
            first, end = number * PART_ROWS, min((number + 1) * PART_ROWS, store.n_pictures)
            # Programs sort the files by name, so all numbers are equally long.
            name = f"{number:0{len(str(n_parts))}}"
            means = (
                mean_of_views(store.by_picture()[start : min(start + CHUNK_PICTURES, end)])
                for start in range(first, end, CHUNK_PICTURES)
            )
            write_rows(
                unfinished / FEATURES / f"{FEATURES}_{name}.npy", means, store.fingerprint.dim
            )
            write = partial(pyarrow.parquet.write_table, _metadata(store, slice(first, end)))
            replace_file(unfinished / METADATA / f"{METADATA}_{name}.parquet", write)
        if out.exists():
            out.rmdir()
        unfinished.rename(out)
    return n_parts


def _numbered(folder: Path, ending: str) -> dict[str, Path]:
    """Return the number in a name, as it is written, → the file."""
    form = re.compile(rf"{folder.name}_(\d+){ending}", re.ASCII)
    return {match[1]: file for file in folder.iterdir() if (match := form.fullmatch(file.name))}


def _load(file: Path, width: int | None) -> np.ndarray:
    try:
        features: np.ndarray = np.load(regular(file), mmap_mode="r", allow_pickle=False)
    except Exception as error:  # numpy parses the header as Python, which may raise any error
        if is_shortage(error):
            raise
        raise DataError(f"{file} cannot be read ({error}); {AGAIN}") from error
    is_right = features.ndim == 2 and width in (None, features.shape[1])
    if not is_right or not np.issubdtype(features.dtype, np.floating):
        raise DataError(
            f"expected features as (pictures, {width or 'width'}) of floating-point numbers in "
            f"{file}, got {features.shape} of {features.dtype}; {AGAIN}"
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


def _plain(value: Any) -> Any:
    """Return a value of a table of pandas, where numbers become fractions if one is missing."""
    if isinstance(value, float):
        return None if np.isnan(value) else int(value) if value.is_integer() else str(value)
    return value


def _metadata(store: FeatureStore, some: slice) -> pa.Table:
    import pyarrow as pa

    # Bytes of a file name that are no text cannot be in a column of texts.
    columns: dict[str, list[str | None]] = {
        name: [text.encode(errors="backslashreplace").decode() or None for text in texts]
        for name in ("path", "label", "split", "group")
        if any(texts := store.rows.of_pictures(name, some))
    }
    return pa.table(
        {"image_path" if name == "path" else name: column for name, column in columns.items()}
    )
