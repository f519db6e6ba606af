"""Finished features of a run that has not ended: a killed run loses its last block at most."""

from __future__ import annotations

import hashlib
import io
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from jaxtyping import Float16

from metaadapter.data.atomic_files import replace_file
from metaadapter.data.own_folder import require_no_link, write_errors
from metaadapter.data.proof import read_document, write_document
from metaadapter.data.regular_files import regular
from metaadapter.errors import DataError, MetaAdapterError
from metaadapter.features.store.folder import JOURNAL_FOLDER
from metaadapter.features.store.header import Recipe, read_entries

RECIPE_FILE, SCHEMA = "recipe.json", "metaadapter.encoding/1"
REMEDY = "delete that folder and run the same command again, which encodes those pictures anew"
# The time between two blocks: a killed run loses this much work at most.
BLOCK_SECONDS = 2.0


class Journal:
    """Blocks of features in a hidden folder of the store, each file whole or absent.

    A block is one `.npy` of records (`sha256`, `features`), so that it can be memory-mapped; its
    name ends in the first digits of its own SHA-256. What was taken in last must be flushed at the
    end, however that comes. `features` are those of the pictures that are on disk, by content hash.
    Any write may raise a `DataError`.
    """

    def __init__(
        self, store: Path, recipe: Recipe, features: dict[str, Float16[np.ndarray, "views dim"]]
    ) -> None:
        """Take up the journal of an earlier run, if there is one: its blocks enter `features`.

        Another recipe is an `IncompatibleArtifact`, a damaged journal or a link in its place a
        `DataError`.
        """
        self.features = features
        self._store = store
        self._folder = store / JOURNAL_FOLDER
        self._recipe = recipe
        self._n_blocks = 0
        self._waiting: dict[str, np.ndarray] = {}
        self._since = time.monotonic()
        require_no_link(self._folder)
        earlier = self._folder / RECIPE_FILE
        try:
            if earlier.exists():
                values, _ = read_document(earlier, SCHEMA, REMEDY)
                recipe.require_same(read_entries(Recipe, values), store)
                while block := self._block(self._n_blocks):
                    self._enter(block)
        except MetaAdapterError:
            raise
        except (KeyError, TypeError, ValueError, EOFError, OSError) as error:
            raise DataError(
                f"what an interrupted run left in {self._folder} is damaged ({error}); {REMEDY}"
            ) from error

    def add(self, features: Mapping[str, Float16[np.ndarray, "views dim"]]) -> None:
        """Take features in; a block of them is written if the last one is old enough."""
        self._waiting |= features
        if time.monotonic() - self._since >= BLOCK_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Put what was taken in on disk, for good, and into `features`."""
        # Forgotten first: when the disk is full, the flush on the way out must not try again.
        waiting, self._waiting = self._waiting, {}
        if waiting:
            rows = np.stack(list(waiting.values()))
            kind = [("sha256", "S64"), ("features", np.float16, rows.shape[1:])]
            block = np.empty(len(waiting), dtype=kind)
            block["sha256"], block["features"] = list(waiting), rows
            n_kept = len(self.features)
            kept = f"{n_kept} pictures are finished and kept; the same command goes on there"
            with write_errors(f"the feature store {self._store}", kept):
                if self._n_blocks == 0:
                    self._folder.mkdir(exist_ok=True)
                    recipe = {"schema": SCHEMA, **asdict(self._recipe)}
                    write_document(self._folder / RECIPE_FILE, recipe)
                np.save(content := io.BytesIO(), block)
                name = f"block-{self._n_blocks:06d}-{_digits(content.getvalue())}.npy"
                replace_file(self._folder / name, content.getvalue())
            self._enter(self._folder / name)
        self._since = time.monotonic()

    def remove(self) -> None:
        """Delete the journal, once its features are in the store."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _enter(self, block: Path) -> None:
        if _digits(regular(block).read_bytes()) != block.stem.rpartition("-")[2]:
            raise ValueError(f"the content of {block.name} is not that of its name")
        rows = np.asarray(np.load(block, mmap_mode="r", allow_pickle=False))
        hashes = rows["sha256"].astype(str).tolist()
        self.features |= zip(hashes, rows["features"], strict=True)
        self._n_blocks += 1

    def _block(self, number: int) -> Path | None:
        return next(self._folder.glob(f"block-{number:06d}-*.npy"), None)


def _digits(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
