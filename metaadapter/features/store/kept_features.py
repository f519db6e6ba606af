"""Features by content hash, which grow on disk while pictures are encoded."""

from __future__ import annotations

import os
import shutil
import time
import warnings
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Float16

from metaadapter.features.origin import Recipe
from metaadapter.files.checksums import content_hash
from metaadapter.files.output_folder import open_after, require_no_link, write_errors
from metaadapter.files.regular_files import regular
from metaadapter.files.salvage import repaired

FEATURES_FILE, DATABASE_FILE = "features.bin", "encoding.db"
PURPOSE = "the features of pictures under way"
RECIPE, FEATURES = "recipe", "features"
# The seconds between two commits: a kill loses this much at most.
COMMIT_SECONDS = 2.0


@final
class KeptFeatures:
    """A file of features that only grows; the database beside it says what of it counts.

    If either file is damaged, what is before the damage stays, since later pictures can be encoded
    again.

    Attributes:
        hashes: The content hash of the features at each place.
        places: Content hash → place, also of features that are not committed yet.
        rows: The committed features by place, read-only, on disk.
    """

    rows: Float16[np.ndarray, "places views dim"]

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        owner: str,
        *,
        to_continue: str = "run the same command",
        instead: str = "choose another --out",
    ) -> None:
        """Open the features in a folder of `owner`, as in "the feature store birds/".

        The errors of failed writes end in `instead`, and in how `to_continue`.

        Raises:
            IncompatibleArtifact: The features in the folder have another recipe.
            DataError: Another process has them open, or the folder cannot be written.
        """
        self.hashes: list[str] = []
        self.places: dict[str, int] = {}
        self._folder, self._file, self._owner = folder, folder / FEATURES_FILE, owner
        self._shape = recipe.n_views, recipe.fingerprint.dim
        self._row_bytes = 2 * self._shape[0] * self._shape[1]
        self._waiting: dict[str, Float16[np.ndarray, "views dim"]] = {}
        self._committed_at = time.monotonic()
        self._to_continue, self._instead = to_continue, instead
        require_no_link(folder)
        with write_errors(owner, instead=instead):
            folder.mkdir(parents=True, exist_ok=True)
            self._database = repaired(folder / DATABASE_FILE, PURPOSE, owner=owner, instead=instead)
            try:
                self._read(recipe)
            except BaseException:
                self.close()
                raise

    def _read(self, recipe: Recipe) -> None:
        if stored := self._database.latest(RECIPE):
            recipe.require_same(Recipe.model_validate(stored[""]), self._folder.parent)
        else:
            self._database.add(RECIPE, "", recipe.model_dump())
        require_no_link(self._file)
        self._file.touch()
        with regular(self._file).open("rb") as file:
            for record in self._database.records(FEATURES):
                contents = record.value["contents"]
                rows = file.read(len(contents) * self._row_bytes)
                if content_hash(rows) != record.value["sha256"]:
                    warnings.warn(
                        f"{self._file} is damaged after the features of {len(self.hashes)} "
                        "pictures, so later pictures are encoded again",
                        stacklevel=4,
                    )
                    self._database.truncate(record.number - 1)
                    break
                self.places |= zip(contents, count(len(self.hashes)))
                self.hashes += contents
        self._map()

    def _map(self) -> None:
        shape, kind = (len(self.hashes), *self._shape), np.dtype("<f2")
        # Numpy maps no empty file.
        has_some = bool(self.hashes)
        self.rows = (
            np.memmap(self._file, kind, "r", 0, shape) if has_some else np.empty(shape, kind)
        )

    def committed(self) -> dict[str, Float16[np.ndarray, "views dim"]]:
        """Return content hash → features, of those on disk."""
        return dict(zip(self.hashes, self.rows, strict=False))

    def add(self, features: Mapping[str, Float16[np.ndarray, "views dim"]]) -> None:
        """Add the features of new contents."""
        self.places |= zip(features, count(len(self.hashes)))
        self.hashes += features
        self._waiting |= features

    @property
    def is_due(self) -> bool:
        """Whether the last commit was long enough ago for another one."""
        return time.monotonic() - self._committed_at >= COMMIT_SECONDS

    def commit(self) -> None:
        """Write added features to disk."""
        n_kept = len(self.hashes) - len(self._waiting)
        kept = f"{n_kept} pictures are finished and kept; {self._to_continue} to continue"
        with write_errors(self._owner, kept, instead=self._instead):
            if self._waiting:
                rows = np.stack([*self._waiting.values()]).astype("<f2").tobytes()
                # What a killed process wrote without a commit is cut off.
                size = n_kept * self._row_bytes
                with open_after(self._file, size, instead=self._instead) as file:
                    file.write(rows)
                    file.flush()
                    os.fsync(file.fileno())
                block = {"contents": [*self._waiting], "sha256": content_hash(rows)}
                self._database.add(FEATURES, str(n_kept), block)
                self._waiting = {}
                self._map()
        self._committed_at = time.monotonic()

    def close(self) -> None:
        """End the lock of the database."""
        self._database.close()

    def remove(self) -> None:
        """Delete the folder, once its features are in a store."""
        self.close()
        self.rows = np.empty((0, *self._shape), np.float16)  # Windows removes no mapped file
        shutil.rmtree(self._folder, ignore_errors=True)
