"""Putting a complete store on disk in one step: new files beside the old, then `store.json`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float32

from metaadapter.atomic_files import replace_file
from metaadapter.features.store.feature_index import FeatureIndex
from metaadapter.features.store.header import StoreHeader, features_file
from metaadapter.features.store.rows import StoredPicture, StoreRows

__all__ = ["commit_store", "write_features_head", "write_store"]

# Pictures gathered in memory at a time.
CHUNK_PICTURES = 8_192
# The names of `StoreHeader.files`, also cut off; `features-2021.csv` is somebody else's.
OWN_FILES = re.compile(r"((features|texts)-\d{4,}\.npy|rows-\d{4,}\.csv)(\.tmp)?", re.ASCII)


def write_store(
    folder: Path,
    header: StoreHeader,
    pictures: Sequence[StoredPicture],
    index: FeatureIndex,
    texts: Mapping[str, Float32[np.ndarray, " dim"]],
) -> None:
    """Make `folder` hold these pictures; until the last moment it holds what it held before.

    Args:
        folder: An existing folder.
        header: The facts of these pictures, with a generation that the store has not had.
        pictures: In the order of the rows; at least one.
        index: Knows the features of each picture by its hash.
        texts: The unit feature of each class; zeros are written for a class that has none.
    """

    def write(file: IO[bytes]) -> None:
        # Written in sequence, not through a memory map: a full disk kills a process that writes
        # through a map, without an error that could be told.
        write_features_head(file, header.n_rows, header.recipe.fingerprint.dim)
        for start in range(0, len(pictures), CHUNK_PICTURES):
            chunk = pictures[start : start + CHUNK_PICTURES]
            features = index.gather([picture.sha256 for picture in chunk])
            file.write(np.ascontiguousarray(features, dtype="<f2").tobytes())

    replace_file(folder / features_file(header.generation), write)
    commit_store(folder, header, pictures, texts)


def commit_store(
    folder: Path,
    header: StoreHeader,
    pictures: Sequence[StoredPicture],
    texts: Mapping[str, Float32[np.ndarray, " dim"]],
) -> None:
    """Write all but the features, which are there already; the arguments are `write_store`'s."""
    files = header.files
    rows = StoreRows.of_pictures(pictures, header.recipe.n_views)
    replace_file(folder / files["rows"], rows.write)
    if header.classes:
        none = np.zeros(header.recipe.fingerprint.dim, dtype=np.float32)
        rows_of_text = np.stack([texts.get(name, none) for name in header.classes])
        replace_file(folder / files["texts"], lambda file: np.save(file, rows_of_text))
    header.write(folder)
    _remove_other_files(folder, set(files.values()))


def write_features_head(file: IO[bytes], n_rows: int, dim: int) -> None:
    """Begin a `.npy` file of float16; numpy gives the head the same length for any `n_rows`."""
    head = {"descr": "<f2", "fortran_order": False, "shape": (n_rows, dim)}
    np.lib.format.write_array_header_1_0(file, head)


def _remove_other_files(folder: Path, kept: set[str]) -> None:
    """Remove the files of earlier generations and of commits that were cut off."""
    for path in folder.iterdir():
        if OWN_FILES.fullmatch(path.name) and path.name not in kept:
            # Windows keeps a file that somebody has mapped; the next commit removes it.
            with suppress(OSError):
                path.unlink()
