"""Keep finished features on disk, by content hash, while further pictures are encoded."""

from __future__ import annotations

import hashlib
import io
import shutil
import time
import warnings
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float16

from metaadapter.data.checksums import read_document, write_document
from metaadapter.data.output_folder import replace_file, require_no_link, write_errors
from metaadapter.data.regular_files import regular
from metaadapter.errors import DataError, MetaAdapterError
from metaadapter.features.origin import Recipe
from metaadapter.features.store.feature_rows import FeatureRows
from metaadapter.features.store.header import CACHE_FOLDER, read_entries

RECIPE_FILE, SCHEMA = "recipe.json", "metaadapter.encoding/1"
REMEDY = "delete that folder and run the same command again, which encodes those pictures again"
# The seconds between two files, and their share of a long run: a kill loses this much at most.
FILE_SECONDS, SHARE_LOST = 2.0, 0.002
BLOCKS_MAPPED = 8


class EncodingCheckpoint:
    """Files of features in a hidden folder of a store; each file is whole or absent.

    A file is a `.npy` of records (`sha256`, `features`), which is read through a memory map;
    its name ends in the first digits of its own SHA-256. Features that were just added are only
    in memory until `flush`.
    """

    def __init__(self, store: Path, recipe: Recipe, features: FeatureRows | None = None) -> None:
        self.features = FeatureRows() if features is None else features
        self._store = store
        self._folder = store / CACHE_FOLDER
        self._recipe = recipe
        self._n_files = 0
        self._waiting: dict[str, np.ndarray] = {}
        self._begun_at = self._flushed_at = time.monotonic()
        require_no_link(self._folder)
        recipe_file = self._folder / RECIPE_FILE
        try:
            if recipe_file.exists():
                values, _ = read_document(recipe_file, SCHEMA, REMEDY)
                recipe.require_same(read_entries(Recipe, {**values, "origin": values}), store)
                for file in sorted(self._folder.glob("block-*.npy")):
                    if file.name.startswith(f"block-{self._n_files:06d}-"):
                        self._read(file)
            elif any(self._folder.glob("block-*.npy")):
                warnings.warn(
                    f"{recipe_file} is missing, which says how the features of an interrupted run "
                    "were made; the run begins anew, and its pictures are encoded again",
                    stacklevel=3,
                )
        except MetaAdapterError:
            raise
        except (KeyError, TypeError, ValueError, EOFError, OSError) as error:
            raise DataError(
                f"the features of an interrupted run in {self._folder} are damaged ({error}); "
                f"{REMEDY}"
            ) from error

    def __contains__(self, sha256: str) -> bool:
        """Return whether there are features of a content, in memory or on disk."""
        return sha256 in self._waiting or sha256 in self.features

    def add(self, features: Mapping[str, Float16[np.ndarray, "views dim"]]) -> bool:
        """Add features by content hash; return whether the last file was old enough for a new one.

        Then all features are on disk.
        """
        self._waiting |= features
        now = time.monotonic()
        # A run of days must not end in a file for every two seconds of it.
        if now - self._flushed_at < max(FILE_SECONDS, SHARE_LOST * (now - self._begun_at)):
            return False
        self.flush()
        return True

    def flush(self) -> None:
        """Write the added features to disk, and enter them into `features`."""
        # Cleared first: on a full disk, the flush at the end of a run must not try again.
        waiting, self._waiting = self._waiting, {}
        if waiting:
            rows = np.stack(list(waiting.values()))
            kind = [("sha256", "S64"), ("features", np.float16, rows.shape[1:])]
            records = np.empty(len(waiting), dtype=kind)
            records["sha256"], records["features"] = list(waiting), rows
            n_kept = len(self.features)
            kept = f"{n_kept} pictures are finished and kept; run the same command to continue"
            with write_errors(f"the feature store {self._store}", kept):
                if self._n_files == 0:
                    self._folder.mkdir(exist_ok=True)
                    for unused in self._folder.glob("block-*.npy"):
                        unused.unlink()
                    document = {"schema": SCHEMA, **self._recipe.entries()}
                    write_document(self._folder / RECIPE_FILE, document)
                np.save(content := io.BytesIO(), records)
                name = f"block-{self._n_files:06d}-{_digits(content.getvalue())}.npy"
                replace_file(self._folder / name, content.getvalue())
            self._enter(self._folder / name, waiting)
        self._flushed_at = time.monotonic()

    def remove(self) -> None:
        """Delete the folder, once its features are in the store."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _read(self, file: Path) -> None:
        if not _is_whole(file):
            raise ValueError(f"the content of {file.name} does not match its name")
        self._enter(file, np.load(file, allow_pickle=False)["sha256"].astype(str).tolist())

    def _enter(self, file: Path, hashes: Collection[str]) -> None:
        self.features.extend(hashes, _Block(file, len(hashes)))
        self._n_files += 1


def drop_damaged(store: Path) -> None:
    """Remove the files that a checkpoint in `store` refuses as damaged; the others stay.

    All are removed if the file that says how their features were made is damaged.
    """
    folder = store / CACHE_FOLDER
    require_no_link(folder)
    try:
        read_document(folder / RECIPE_FILE, SCHEMA, REMEDY)
    except DataError:
        shutil.rmtree(folder)
        return
    whole = []
    for file in sorted(folder.glob("block-*.npy")):
        if _is_whole(file):
            whole.append(file)
        else:
            file.unlink()
    for number, file in enumerate(whole):
        file.rename(folder / f"block-{number:06d}-{file.stem.rpartition('-')[2]}.npy")


class _Block:
    """The features in a file, mapped while they are in use: what was mapped counts as memory."""

    def __init__(self, file: Path, n_pictures: int) -> None:
        self._file, self._n_pictures = file, n_pictures

    def __len__(self) -> int:
        return self._n_pictures

    def __getitem__(self, place: int) -> np.ndarray:
        features: np.ndarray = _mapped(self._file)["features"][place]
        return features


@lru_cache(maxsize=BLOCKS_MAPPED)
def _mapped(file: Path) -> np.ndarray:
    return np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))


def _is_whole(file: Path) -> bool:
    """Return whether a file of features has the content that its name tells."""
    with suppress(DataError):  # a pipe or a folder may have this name
        return _digits(regular(file).read_bytes()) == file.stem.rpartition("-")[2]
    return False


def _digits(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
