"""Write a complete store in one step: new files next to the old ones, then `store.json`."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
from jaxtyping import Float16, Float32, Int

from metaadapter.errors import DataError
from metaadapter.features.store.header import OWN_FILES, StoreHeader
from metaadapter.features.store.picture_table import write_table
from metaadapter.files.output_folder import replace_file

# The number of pictures in memory at a time.
CHUNK_PICTURES = 8_192
# The rounding error of the length of features in half precision.
MAX_LENGTH_ERROR = 0.01


def write_store(
    folder: Path,
    header: StoreHeader,
    pictures: pa.Table,
    features: Iterable[Float16[np.ndarray, "some views dim"]],
    texts: Mapping[str, Float32[np.ndarray, " dim"]],
) -> None:
    """Replace the content of a store in one step; a class without a text gets zeros.

    `features` are those of the pictures in the order of the table, some at a time.
    """
    write_features(folder / header.files["features"], features, header.recipe.fingerprint.dim)
    commit(folder, header, pictures, texts)


def gathered(
    sources: Sequence[Float16[np.ndarray, "_ views dim"]], places: Int[np.ndarray, " n"]
) -> Iterator[Float16[np.ndarray, "some views dim"]]:
    """Yield the features of pictures, which are chosen by their places in all sources together."""
    starts = np.cumsum([0, *map(len, sources)])
    for first in range(0, len(places), CHUNK_PICTURES):
        some = places[first : first + CHUNK_PICTURES]
        rows = np.empty((len(some), *sources[0].shape[1:]), np.float16)
        for number, source in enumerate(sources):
            is_here = (some >= starts[number]) & (some < starts[number + 1])
            rows[is_here] = source[some[is_here] - starts[number]]
        yield rows


def commit(
    folder: Path,
    header: StoreHeader,
    pictures: pa.Table,
    texts: Mapping[str, Float32[np.ndarray, " dim"]],
) -> None:
    """Write the other files of a store whose features are written, and then `store.json`."""
    files = header.files
    if header.classes:
        zeros = np.zeros(header.recipe.fingerprint.dim, dtype=np.float32)
        # Saved to memory first, since numpy's own error on a full disk does not name the cause.
        np.save(saved := io.BytesIO(), np.stack([texts.get(one, zeros) for one in header.classes]))
        replace_file(folder / files["texts"], saved.getvalue())
    replace_file(folder / files["pictures"], lambda file: write_table(file, pictures))
    header.write(folder)
    tidy_up(folder, header)


def tidy_up(folder: Path, header: StoreHeader) -> None:
    """Remove the files of earlier generations and of killed writers."""
    for path in folder.iterdir():
        if OWN_FILES.fullmatch(path.name) and path.name not in header.files.values():
            # Windows keeps a file that a process has mapped; the next run removes it.
            with suppress(OSError):
                path.unlink()


def write_features(
    path: Path, batches: Iterable[Float16[np.ndarray, "some views dim"]], dim: int
) -> tuple[int, int]:
    """Write the features of pictures as one `.npy` file of rows; return their (views, width).

    `dim` is the width if there is no picture.

    Raises:
        DataError: A row is not of length 1.
    """
    shape = (1, dim)

    def write(file: IO[bytes]) -> None:
        nonlocal shape
        # Not through a memory map: a full disk kills a process that writes through one.
        n_pictures = 0
        _write_npy_header(file, (0, dim))
        for batch in batches:
            _require_unit(batch, n_pictures)
            file.write(np.ascontiguousarray(batch, dtype="<f2").data)
            n_pictures, shape = n_pictures + len(batch), batch.shape[1:]
        file.seek(0)
        _write_npy_header(file, (n_pictures * shape[0], shape[1]))

    replace_file(path, write)
    return shape


def _write_npy_header(file: IO[bytes], shape: tuple[int, int]) -> None:
    # Numpy leaves room for larger numbers, so that the header is equally long for any shape.
    facts = {"descr": "<f2", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, facts)


def _require_unit(batch: Float16[np.ndarray, "some views dim"], first: int) -> None:
    lengths = np.linalg.norm(batch.astype(np.float32), axis=2)
    # Written with <, which is false for NaN, so that a row with NaN is wrong.
    is_right = abs(lengths - 1) < MAX_LENGTH_ERROR
    if not is_right.all():
        number, view = np.argwhere(~is_right)[0]
        length = lengths[number, view]
        kind = "zero" if length == 0 else f"of length {length:.3g}" if length > 0 else "not finite"
        raise DataError(
            f"the features of row {first + number} are {kind}, as are those of "
            f"{(~is_right).any(1).sum() - 1} other rows in its batch, where unit rows are needed; "
            "leave such pictures out"
        )
