"""Putting a complete store on disk in one step: new files beside the old, then `store.json`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float16, Float32

from metaadapter.atomic_files import replace_file
from metaadapter.features.store.header import StoreHeader, features_file
from metaadapter.features.store.rows import StoredPicture, write_rows

__all__ = ["commit_store", "write_features_head", "write_store"]

# Pictures gathered in memory at a time.
CHUNK_PICTURES = 8_192
# The names of `StoreHeader.files`, also cut off; `features-2021.csv` is somebody else's.
OWN_FILES = re.compile(r"((features|texts)-\d{4,}\.npy|rows-\d{4,}\.csv)(\.tmp)?", re.ASCII)


def write_store(
    folder: Path,
    header: StoreHeader,
    pictures: Sequence[StoredPicture],
    features: Mapping[str, Float16[np.ndarray, "views dim"]],
    texts: Mapping[str, Float32[np.ndarray, " dim"]],
) -> None:
    """Make `folder` hold these pictures; until the last moment it holds what it held before.

    Args:
        folder: An existing folder.
        header: The facts of these pictures, with a generation that the store has not had.
        pictures: In the order of the rows; at least one.
        features: Those of each picture by its hash; they may lie on disk.
        texts: The unit feature of each class; zeros are written for a class that has none.
    """

    def write(file: IO[bytes]) -> None:
        # Written in sequence, not through a memory map: a full disk kills a process that writes
        # through a map, without an error that could be told.
        write_features_head(file, header.n_rows, header.recipe.fingerprint.dim)
        for start in range(0, len(pictures), CHUNK_PICTURES):
            chunk = pictures[start : start + CHUNK_PICTURES]
            rows = np.stack([features[picture.sha256] for picture in chunk])
            file.write(np.ascontiguousarray(rows, dtype="<f2").tobytes())

    replace_file(folder / features_file(header.generation), write)
    commit_store(folder, header, pictures, texts)


def commit_store(
    folder: Path,
    header: StoreHeader,
    pictures: Sequence[StoredPicture],
    texts: Mapping[str, Float32[np.ndarray, " dim"]],
) -> None:
    """Write all but the features, which are there already; the arguments are `write_store`'s."""
    files, recipe = header.files, header.recipe
    replace_file(folder / files["rows"], lambda file: write_rows(file, pictures, recipe.n_views))
    if header.classes:
        none = np.zeros(recipe.fingerprint.dim, dtype=np.float32)
        rows_of_text = np.stack([texts.get(name, none) for name in header.classes])
        replace_file(folder / files["texts"], lambda file: np.save(file, rows_of_text))
    header.write(folder)
    # What earlier generations and commits that were cut off have left.
    for path in folder.iterdir():
        if OWN_FILES.fullmatch(path.name) and path.name not in files.values():
            # Windows keeps a file that somebody has mapped; the next commit removes it.
            with suppress(OSError):
                path.unlink()


def write_features_head(file: IO[bytes], n_rows: int, dim: int) -> None:
    """Begin a `.npy` file of float16; numpy gives the head the same length for any `n_rows`."""
    head = {"descr": "<f2", "fortran_order": False, "shape": (n_rows, dim)}
    np.lib.format.write_array_header_1_0(file, head)
