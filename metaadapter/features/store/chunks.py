"""The hashes of the chunks of a store's features and of its row table, in one file."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from metaadapter.data.output_folder import replace_file
from metaadapter.data.regular_files import regular
from metaadapter.features.store.checked_file import (
    CheckedFile,
    CheckedRows,
    chunk_length,
    file_hashes,
)
from metaadapter.features.store.header import StoreHeader
from metaadapter.features.store.row_table import REMEDY, StoreRows
from metaadapter.features.store.stored_arrays import damaged, load_array, require_unit_rows


def write_chunk_hashes(folder: Path, header: StoreHeader) -> None:
    """Write the hashes of the chunks of the features, without their header, then of the table."""
    files = [folder / header.files[content] for content in ("features", "rows")]
    features = np.load(files[0], mmap_mode="r")
    # Not through a memory map: what was read through one counts as memory of the process.
    hashes = [
        file_hashes(files[0], _picture_bytes(features, header), start=features.offset),
        file_hashes(files[1]),
    ]
    np.save(content := io.BytesIO(), np.concatenate(hashes))
    replace_file(folder / header.files["chunks"], content.getvalue())


def open_chunks(
    folder: Path, header: StoreHeader, features: np.ndarray
) -> tuple[CheckedRows, StoreRows]:
    """Return the features by picture and the row table, which are checked where they are used."""
    path, table = (folder / header.files[content] for content in ("features", "rows"))
    n_views, unit = header.recipe.origin.n_views, _picture_bytes(features, header)
    n_rows = chunk_length(unit) // unit * n_views

    def inspect(chunk: int) -> None:
        start = chunk * n_rows
        require_unit_rows(path, features[start : start + n_rows], start)

    stored = load_array(folder / header.files["chunks"], folder, np.uint8)
    hashes, of_table = np.split(stored, [-(-features.nbytes // chunk_length(unit))])
    if not regular(table).stat().st_size:
        raise damaged(folder, f"{table.name} is empty")
    file = CheckedFile(table, np.memmap(table, np.uint8, "r"), of_table, REMEDY)
    rows = StoreRows.open(file, table, header.n_pictures, n_views)
    file = CheckedFile(path, _bytes(features), hashes, REMEDY, unit=unit, inspect=inspect)
    shape = (header.n_pictures, n_views, features.shape[1])
    return file.array(0, np.float16, shape), rows


def _picture_bytes(features: np.ndarray, header: StoreHeader) -> int:
    return int(header.recipe.origin.n_views * features.shape[1] * features.itemsize)


def _bytes(array: np.ndarray) -> UInt8[np.ndarray, " bytes"]:
    return array.reshape(-1).view(np.uint8)
