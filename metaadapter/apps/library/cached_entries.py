"""The entries of a library as one classifier; indexes and adapters stay in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, final

import numpy as np
from jaxtyping import Float32
from sklearn.utils.validation import check_array
from torch import Tensor

from metaadapter.adapter.known import require_fraction
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.library.folder import ENTRIES, entry_files
from metaadapter.apps.library.index import (
    SignatureIndex,
    Stamp,
    entry_stamps,
    folder_stamps,
    update_index,
)
from metaadapter.apps.library.index_file import INDEX_FILE, read_index, write_index
from metaadapter.apps.library.route import Identified, Routed, identified, route
from metaadapter.apps.library.task_means import TaskMeans, comparable_means
from metaadapter.errors import MetaAdapterError, UsageError
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.prompts import readable_name
from metaadapter.workflow.adapter_classifier import loaded_encoder
from metaadapter.workflow.labelled_support import as_array, unit_rows

if TYPE_CHECKING:
    from metaadapter.features.image_encoder import ImageEncoder

# Adapters that stay in memory; those of 20 classes of four pictures take 4 MB each.
MOST_CACHED = 64

Result = TypeVar("Result", Identified, Routed)


@final
class CachedEntries:
    """Identifies and routes pictures; `AdapterLibrary` documents its methods.

    An entry whose adapter is missing or damaged when it is needed is left out, and the others are
    used.

    Args:
        folder: The folder of the library.
        stored: Name → adapter; its errors are the reasons why an entry is left out.
    """

    def __init__(self, folder: Path, stored: Callable[[str], StoredAdapter]) -> None:
        self._folder, self._stored = folder, stored
        self._index: SignatureIndex | None = None
        self._seen: dict[str, Stamp] = {}
        self._stamps: dict[str, Stamp] = {}
        self._means: tuple[SignatureIndex, object, TaskMeans, dict[str, str]] | None = None
        self._adapters: dict[str, tuple[Stamp, StoredAdapter]] = {}
        self._unusable: dict[str, tuple[Stamp, str]] = {}

    def index(self) -> SignatureIndex:
        """The signatures of all current entries."""
        seen = folder_stamps(self._folder / ENTRIES)
        if self._index is not None and seen == self._seen:
            return self._index
        files = entry_files(self._folder)
        stamps = entry_stamps(files)
        cache = self._folder / INDEX_FILE
        index = self._index or read_index(cache)
        if index is None or index.stamps != stamps:
            index = update_index(index or SignatureIndex((), {}), files, stamps)
            write_index(cache, index)
        self._index, self._seen, self._stamps = index, seen, index.stamps
        return index

    def identify(
        self, X: Any, encoder: ImageEncoder | Fingerprint | str | None, *, together: bool
    ) -> Identified:
        """The entry whose task the pictures belong to."""
        rows, fingerprint = _rows(X, encoder)
        if together and not len(rows):
            raise UsageError("to identify pictures together, give at least one")

        def run(means: TaskMeans, adapter: Callable[[str], StoredAdapter]) -> Identified:
            return identified(rows, means, adapter, together=together)

        return self._run_with_usable(run, rows.shape[1], fingerprint)

    def identify_names(
        self, names: Sequence[str], encoder: ImageEncoder | str | None
    ) -> dict[str, float]:
        """The entry whose task the names of classes belong to."""
        loaded = loaded_encoder(encoder)
        if loaded is None or not names:
            raise UsageError("give names of classes, and the encoder that reads them")
        rows = unit_rows(loaded.encode_texts([readable_name(name) for name in names]))
        if not rows.any():
            raise UsageError("the encoder reads no names; identify pictures instead")
        means, _ = comparable_means(self.index(), rows.shape[1], loaded.fingerprint, texts=True)
        return dict(zip(means.names, means.jointly(rows).tolist(), strict=True))

    def route(
        self,
        X: Any,
        encoder: ImageEncoder | Fingerprint | str | None,
        *,
        k: int,
        keep: float | None,
    ) -> Routed:
        """The predictions of the k likeliest entries of each picture."""
        if k < 1:
            raise UsageError(f"k must be at least 1, got {k}")
        if keep is not None:
            require_fraction(keep, "keep")
        rows, fingerprint = _rows(X, encoder)

        def run(means: TaskMeans, adapter: Callable[[str], StoredAdapter]) -> Routed:
            return route(rows, means, adapter, k=k, keep=keep)

        return self._run_with_usable(run, rows.shape[1], fingerprint)

    def _run_with_usable(
        self,
        run: Callable[[TaskMeans, Callable[[str], StoredAdapter]], Result],
        width: int,
        fingerprint: Fingerprint | None,
    ) -> Result:
        """The result of the entries whose adapters can be read."""
        index = self.index()
        stamps = self._stamps
        while True:
            means, left_out = self._compared(index, stamps, width, fingerprint)
            try:
                result = run(means, lambda name: self._adapter(name, stamps[name]))
            except _Unusable as error:
                self._unusable[error.name] = stamps[error.name], str(error)
                continue
            return replace(result, left_out=left_out)

    def _compared(
        self,
        index: SignatureIndex,
        stamps: dict[str, Stamp],
        width: int,
        fingerprint: Fingerprint | None,
    ) -> tuple[TaskMeans, dict[str, str]]:
        """The entries that features are compared with, and the reasons why others are left out."""
        unusable = {
            name: reason
            for name, (stamp, reason) in self._unusable.items()
            if stamps.get(name) == stamp
        }
        key = width, fingerprint, unusable
        if self._means is None or self._means[0] is not index or self._means[1] != key:
            compared = comparable_means(index, width, fingerprint, unusable=unusable)
            self._means = index, key, *compared
        return self._means[2:]

    def _adapter(self, name: str, stamp: Stamp) -> StoredAdapter:
        """The adapter of an entry, from memory until its file changes."""
        cached = self._adapters.pop(name, None)
        if cached is None or cached[0] != stamp:
            try:
                cached = stamp, self._stored(name)
            except MetaAdapterError as error:
                raise _Unusable(name, str(error)) from error
        self._adapters[name] = cached  # the least recently used adapter comes first
        while len(self._adapters) > MOST_CACHED:
            self._adapters.pop(next(iter(self._adapters)))
        return cached[1]


class _Unusable(Exception):
    """The adapter of an entry cannot be read."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name


def _rows(
    X: Any, encoder: ImageEncoder | Fingerprint | str | None
) -> tuple[Float32[Tensor, "n D"], Fingerprint | None]:
    """Unit rows, and the encoder that they come from, if it is given."""
    array = check_array(as_array(X), dtype=(np.float64, np.float32), ensure_min_samples=0)
    rows = unit_rows(array)
    if isinstance(encoder, Fingerprint):
        return rows, encoder
    loaded = loaded_encoder(encoder)
    return rows, None if loaded is None else loaded.fingerprint
