"""Finished features of a run that has not ended: a killed run loses its last block at most."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
from jaxtyping import Float

from metaadapter.atomic_files import replace_file
from metaadapter.errors import DataError, MetaAdapterError
from metaadapter.features.json_entries import read_entries
from metaadapter.features.store.feature_index import FeatureIndex
from metaadapter.features.store.folder import JOURNAL_FOLDER
from metaadapter.features.store.recipe import Recipe
from metaadapter.own_folder import write_errors

__all__ = ["Journal"]

RECIPE_FILE = "recipe.json"
# The time between two blocks: a killed run loses this much work at most.
BLOCK_SECONDS = 2.0


class Journal:
    """Blocks of features in a hidden folder of the store, each file whole or absent.

    A block is one `.npy` of records (`sha256`, `features`), so that it can be memory-mapped. What
    was taken in last must be flushed at the end, however that comes.
    """

    def __init__(self, store: Path, recipe: Recipe, index: FeatureIndex) -> None:
        """Take up the journal of an earlier run, if there is one: its blocks enter `index`.

        Raises:
            IncompatibleArtifact: The earlier run had another encoder, precision, number of views
                or seed.
            DataError: What it left is damaged.
        """
        self.folder = store / JOURNAL_FOLDER
        self._store = store
        self._recipe = recipe
        self._index = index
        self._n_blocks = 0
        self._hashes: list[str] = []
        self._features: list[np.ndarray] = []
        self._since = time.monotonic()
        try:
            self._take_up()
        except MetaAdapterError:
            raise
        except (KeyError, TypeError, ValueError, EOFError, OSError) as error:
            raise DataError(
                f"what an interrupted run left in {self.folder} is damaged ({error}); delete that "
                "folder and run the same command again, which encodes those pictures anew"
            ) from error

    def add(self, hashes: list[str], features: Float[np.ndarray, "pictures views dim"]) -> None:
        """Take features in; a block of them is written if the last one is old enough.

        Raises:
            DataError: They cannot be written.
        """
        self._hashes += hashes
        self._features.append(features)
        if time.monotonic() - self._since >= BLOCK_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Put what was taken in on disk, for good, and into the index.

        Raises:
            DataError: It cannot be written.
        """
        hashes, features = self._hashes, self._features
        # Forgotten first: when the disk is full, the flush on the way out must not try again.
        self._hashes, self._features = [], []
        if hashes:
            self._append(hashes, np.concatenate(features))
        self._since = time.monotonic()

    def remove(self) -> None:
        """Delete the journal, once its features are in the store."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _append(self, hashes: list[str], features: Float[np.ndarray, "pictures views dim"]) -> None:
        kind = [("sha256", "S64"), ("features", np.float16, features.shape[1:])]
        block = np.empty(len(hashes), dtype=kind)
        block["sha256"], block["features"] = hashes, features
        kept = f"{len(self._index)} pictures are finished and kept; the same command goes on there"
        with write_errors(f"the feature store {self._store}", kept):
            if self._n_blocks == 0:
                self._begin()
            replace_file(self._block_path(self._n_blocks), lambda file: np.save(file, block))
        self._enter(self._block_path(self._n_blocks))
        self._n_blocks += 1

    def _begin(self) -> None:
        text = json.dumps(asdict(self._recipe), indent=2)
        self.folder.mkdir(exist_ok=True)
        replace_file(self.folder / RECIPE_FILE, text)

    def _take_up(self) -> None:
        earlier = self.folder / RECIPE_FILE
        if not earlier.exists():
            return
        stored = read_entries(Recipe, json.loads(earlier.read_bytes()))
        self._recipe.require_same(stored, self._store)
        while (path := self._block_path(self._n_blocks)).exists():
            self._enter(path)
            self._n_blocks += 1

    def _enter(self, path: Path) -> None:
        block = np.load(path, mmap_mode="r", allow_pickle=False)
        self._index.add(block["sha256"].astype(str).tolist(), block["features"])

    def _block_path(self, number: int) -> Path:
        return self.folder / f"block-{number:06d}.npy"
