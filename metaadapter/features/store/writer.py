"""Putting a complete store on disk in one step: new files beside the old, then `store.json`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float32

from metaadapter.atomic_files import replace_file
from metaadapter.features.store.feature_index import FeatureIndex
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.header import Quarantined, StoreHeader, features_file
from metaadapter.features.store.recipe import Recipe
from metaadapter.features.store.rows import StoredPicture, StoreRows

__all__ = ["StoreContents", "commit_store", "write_features_head", "write_store"]

# Pictures gathered in memory at a time.
CHUNK_PICTURES = 8_192
# The names of `StoreHeader.files`, also cut off; `features-2021.csv` is somebody else's.
OWN_FILES = re.compile(r"((features|texts)-\d{4,}\.npy|rows-\d{4,}\.csv)(\.tmp)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class StoreContents:
    """What a store is to hold; two stores with equal contents have equal features.

    Attributes:
        recipe: Encoder, precision, views and seed.
        pictures: In the order of the rows.
        classes: Names with a text feature.
        templates: Prompts of the text features.
        quarantined: Pictures left out.
    """

    recipe: Recipe
    pictures: tuple[StoredPicture, ...]
    classes: tuple[str, ...]
    templates: tuple[str, ...]
    quarantined: tuple[Quarantined, ...]

    @classmethod
    def of(cls, store: FeatureStore) -> StoreContents:
        """The contents of a store on disk."""
        header = store.header
        return cls(
            header.recipe,
            tuple(store.rows.pictures()),
            header.classes,
            header.templates,
            header.quarantined,
        )

    def header(self, generation: int) -> StoreHeader:
        """`store.json` for these contents."""
        labels = Counter(picture.label for picture in self.pictures if picture.label)
        return StoreHeader(
            self.recipe,
            generation,
            n_rows=len(self.pictures) * self.recipe.n_views,
            counts=dict(sorted(labels.items())),
            classes=self.classes,
            templates=self.templates,
            quarantined=self.quarantined,
        )


def write_store(
    folder: Path,
    contents: StoreContents,
    index: FeatureIndex,
    texts: Mapping[str, Float32[np.ndarray, " dim"]],
    *,
    generation: int = 1,
) -> None:
    """Make `folder` hold `contents`; until the last moment it holds what it held before.

    Args:
        folder: An existing folder.
        contents: At least one picture.
        index: Knows the features of each picture by its hash.
        texts: The unit feature of each class; zeros are written for a class that has none.
        generation: A number that the store has not had.
    """
    path = folder / features_file(generation)
    replace_file(path, lambda file: _write_features(file, contents, index))
    commit_store(folder, contents, texts, generation=generation)


def commit_store(
    folder: Path,
    contents: StoreContents,
    texts: Mapping[str, Float32[np.ndarray, " dim"]],
    *,
    generation: int = 1,
) -> None:
    """Write all but the features, which are there already; the arguments are `write_store`'s."""
    header = contents.header(generation)
    files = header.files
    rows = StoreRows.of_pictures(contents.pictures, contents.recipe.n_views)
    replace_file(folder / files["rows"], rows.write)
    if contents.classes:
        none = np.zeros(contents.recipe.fingerprint.dim, dtype=np.float32)
        rows_of_text = np.stack([texts.get(name, none) for name in contents.classes])
        replace_file(folder / files["texts"], lambda file: np.save(file, rows_of_text))
    header.write(folder)
    _remove_other_files(folder, set(files.values()))


def _write_features(file: IO[bytes], contents: StoreContents, index: FeatureIndex) -> None:
    # Written in sequence, not through a memory map: a full disk kills a process that writes
    # through a map, without an error that could be told.
    n_rows = len(contents.pictures) * contents.recipe.n_views
    write_features_head(file, n_rows, contents.recipe.fingerprint.dim)
    for start in range(0, len(contents.pictures), CHUNK_PICTURES):
        chunk = contents.pictures[start : start + CHUNK_PICTURES]
        features = index.gather([picture.sha256 for picture in chunk])
        file.write(np.ascontiguousarray(features, dtype="<f2").tobytes())


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
