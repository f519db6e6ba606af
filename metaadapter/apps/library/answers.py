"""Questions about pictures to all entries of a library, and what is kept from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, final

import numpy as np
from jaxtyping import Float32
from sklearn.utils.validation import check_array
from torch import Tensor

from metaadapter.adapter.known import KEPT
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

# Adapters in memory between questions; of 20 classes of four pictures, 4 MB each.
MOST_KEPT = 64

Answer = TypeVar("Answer", Identified, Routed)


@final
class Answers:
    """What a library answers; its methods are those of `AdapterLibrary`, where they are told of.

    An entry that turns out to be damaged, or has gone, when its adapter is needed is left out, and
    the question asked again of the others.

    Args:
        folder: Of the library.
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
        """The signatures of all entries, as they are now."""
        seen = folder_stamps(self._folder / ENTRIES)
        if self._index is not None and seen == self._seen:
            return self._index
        files = entry_files(self._folder)
        stamps = entry_stamps(files)
        cache = self._folder / INDEX_FILE
        found = self._index or read_index(cache)
        if found is None or found.stamps != stamps:
            found = update_index(found or SignatureIndex((), {}), files, stamps)
            write_index(cache, found)
        self._index, self._seen, self._stamps = found, seen, found.stamps
        return found

    def identify(
        self, X: Any, encoder: ImageEncoder | Fingerprint | str | None, *, together: bool
    ) -> Identified:
        """Which entry's task pictures are of."""
        rows, fingerprint = _given(X, encoder)
        if together and not len(rows):
            raise UsageError("of no pictures at all nothing can be told together; give some")

        def ask(means: TaskMeans, kept: Callable[[str], StoredAdapter]) -> Identified:
            return identified(rows, means, kept, together=together)

        return self._of_usable(ask, rows.shape[1], fingerprint)

    def identify_names(
        self, names: Sequence[str], encoder: ImageEncoder | str | None
    ) -> dict[str, float]:
        """Which entry's task classes of these names are."""
        loaded = loaded_encoder(encoder)
        if loaded is None or not names:
            raise UsageError("names of classes are needed, and the encoder that reads them")
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
        """Answers of the k likeliest entries of each picture."""
        if k < 1:
            raise UsageError(f"k must be at least 1, got {k}")
        if keep is not None and not KEPT[0] <= keep <= KEPT[-1]:
            raise UsageError(f"keep must be within {KEPT[0]} to {KEPT[-1]}, got {keep}")
        rows, fingerprint = _given(X, encoder)

        def ask(means: TaskMeans, kept: Callable[[str], StoredAdapter]) -> Routed:
            return route(rows, means, kept, k=k, keep=keep)

        return self._of_usable(ask, rows.shape[1], fingerprint)

    def _of_usable(
        self,
        ask: Callable[[TaskMeans, Callable[[str], StoredAdapter]], Answer],
        width: int,
        fingerprint: Fingerprint | None,
    ) -> Answer:
        """The answer of the entries whose adapters can be read."""
        index = self.index()
        stamps = self._stamps
        while True:
            means, left_out = self._compared(index, stamps, width, fingerprint)
            try:
                found = ask(means, lambda name: self._kept(name, stamps[name]))
            except _Unusable as error:
                self._unusable[error.name] = stamps[error.name], str(error)
                continue
            return replace(found, left_out=left_out)

    def _compared(
        self,
        index: SignatureIndex,
        stamps: dict[str, Stamp],
        width: int,
        fingerprint: Fingerprint | None,
    ) -> tuple[TaskMeans, dict[str, str]]:
        """The entries that features are compared with, and why others are left out."""
        unusable = {
            name: reason
            for name, (stamp, reason) in self._unusable.items()
            if stamps.get(name) == stamp
        }
        asked = width, fingerprint, unusable
        if self._means is None or self._means[0] is not index or self._means[1] != asked:
            found = comparable_means(index, width, fingerprint, unusable=unusable)
            self._means = index, asked, *found
        return self._means[2:]

    def _kept(self, name: str, stamp: Stamp) -> StoredAdapter:
        """The adapter of an entry, which is kept between questions until its file changes."""
        found = self._adapters.pop(name, None)
        if found is None or found[0] != stamp:
            try:
                found = stamp, self._stored(name)
            except MetaAdapterError as error:
                raise _Unusable(name, str(error)) from error
        self._adapters[name] = found  # the last one asked for is the last to go
        while len(self._adapters) > MOST_KEPT:
            self._adapters.pop(next(iter(self._adapters)))
        return found[1]


class _Unusable(Exception):
    """The adapter of an entry cannot be read."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name


def _given(
    X: Any, encoder: ImageEncoder | Fingerprint | str | None
) -> tuple[Float32[Tensor, "n D"], Fingerprint | None]:
    """Unit rows, and the encoder that they are said to come from."""
    given = check_array(as_array(X), dtype=(np.float64, np.float32), ensure_min_samples=0)
    rows = unit_rows(given)
    if isinstance(encoder, Fingerprint):
        return rows, encoder
    loaded = loaded_encoder(encoder)
    return rows, None if loaded is None else loaded.fingerprint
