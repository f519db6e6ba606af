"""The entries of a library in memory, for the queries of `AdapterLibrary`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, final

import numpy as np
from jaxtyping import Float32
from sklearn.utils.validation import check_array
from torch import Tensor

from metaadapter.adapter.listed_skills import ENTRIES, MARK_FILE, faults_of_list, readings_of_list
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.unit_rows import as_array, unit_rows
from metaadapter.apps.library.compose import compose
from metaadapter.apps.library.folder import entry_files
from metaadapter.apps.library.index import (
    NO_FILE,
    SignatureIndex,
    Stamp,
    entry_stamps,
    folder_stamps,
    update_index,
)
from metaadapter.apps.library.index_file import INDEX_FILE, read_index, write_index
from metaadapter.apps.library.open_entries import OpenEntries
from metaadapter.apps.library.route import Identified, Routed
from metaadapter.apps.library.task_means import comparable_means
from metaadapter.errors import MetaAdapterError
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.workflow.classifier_base import loaded_encoder

if TYPE_CHECKING:
    from metaadapter.features.image_encoder import ImageEncoder

# Adapters that stay in memory; one for 20 classes of four pictures takes 4 MB.
MOST_CACHED = 64

Result = TypeVar("Result", Identified, Routed)


@final
class CachedEntries:
    """The index and the adapters of a library in memory, until their files change.

    An entry whose adapter is missing or damaged when it is needed is left out, with the message of
    the error from `stored` as the reason.
    """

    def __init__(self, folder: Path, stored: Callable[[str], StoredAdapter]) -> None:
        self._folder, self._stored = folder, stored
        self._read: SignatureIndex | None = None
        self._index: SignatureIndex | None = None
        self._seen: dict[str, Stamp] = {}
        self._stamps: dict[str, Stamp] = {}
        self._open: tuple[SignatureIndex, object, OpenEntries, dict[str, str]] | None = None
        self._adapters: dict[tuple[str, ...], tuple[list[Stamp], StoredAdapter]] = {}
        self._unusable: dict[str, tuple[Stamp, str]] = {}
        self._apart: dict[tuple[str, ...], list[Stamp]] = {}

    def index(self) -> SignatureIndex:
        """Return the signatures of all current entries."""
        seen = folder_stamps(self._folder / ENTRIES)
        seen[MARK_FILE] = folder_stamps(self._folder).get(MARK_FILE, NO_FILE)
        if self._index is None or seen != self._seen:
            for listed in readings_of_list(self._folder):
                index = self._updated()
                faults = faults_of_list(self._folder, listed, index.seals)
                if not faults:
                    break
            self._index, self._seen = index.with_faults(faults) if faults else index, seen
        return self._index

    def _updated(self) -> SignatureIndex:
        files = entry_files(self._folder)
        stamps = entry_stamps(files)
        cache = self._folder / INDEX_FILE
        index = self._read or read_index(cache)
        if index is None or index.stamps != stamps:
            index = update_index(index or SignatureIndex((), {}), files, stamps)
            write_index(cache, index)
        self._read, self._stamps = index, index.stamps
        return index

    def run(
        self,
        query: Callable[[OpenEntries], Result],
        width: int,
        fingerprint: Fingerprint | None,
    ) -> Result:
        """Return the result of a query to the entries whose adapters can be read."""
        index = self.index()
        stamps = self._stamps
        while True:
            unusable = {
                name: reason
                for name, (stamp, reason) in self._unusable.items()
                if stamps.get(name) == stamp
            }
            apart = {
                names
                for names, seen in self._apart.items()
                if seen == [stamps.get(name) for name in names]
            }
            key = width, fingerprint, unusable, apart
            if self._open is None or self._open[0] is not index or self._open[1] != key:
                means, left_out = comparable_means(index, width, fingerprint, unusable=unusable)
                adapter = partial(self._adapter, stamps=stamps)
                opened = OpenEntries(index, means, adapter, apart)
                self._open = index, key, opened, left_out
            _, _, opened, left_out = self._open
            try:
                result = query(opened)
            except _Unusable as error:
                name, reason = error.args
                self._unusable[name] = stamps[name], reason
            except _NotMerged as error:
                self._apart[error.args] = [stamps[name] for name in error.args]
            else:
                return replace(result, left_out=left_out)

    def _adapter(self, names: tuple[str, ...], stamps: Mapping[str, Stamp]) -> StoredAdapter:
        key = [stamps[name] for name in names]
        cached = self._adapters.pop(names, None)
        if cached is None or cached[0] != key:
            is_one = len(names) == 1
            cached = key, self._alone(*names) if is_one else self._merged(names, stamps)
        self._adapters[names] = cached  # the least recently used adapter comes first
        while len(self._adapters) > MOST_CACHED:
            self._adapters.pop(next(iter(self._adapters)))
        return cached[1]

    def _alone(self, name: str) -> StoredAdapter:
        try:
            return self._stored(name)
        except MetaAdapterError as error:
            raise _Unusable(name, str(error)) from error

    def _merged(self, names: tuple[str, ...], stamps: Mapping[str, Stamp]) -> StoredAdapter:
        parts = {name: self._adapter((name,), stamps) for name in names}
        try:
            return compose(parts)
        except MetaAdapterError as error:
            raise _NotMerged(*names) from error


class _Unusable(Exception):
    """Holds the name of an entry, and the reason why its adapter cannot be read."""


class _NotMerged(Exception):
    """Holds the names of entries of one domain that cannot be one adapter."""


def query_rows(
    X: Any, encoder: ImageEncoder | Fingerprint | str | None
) -> tuple[Float32[Tensor, "n D"], Fingerprint | None]:
    """Return X as unit rows, and the fingerprint of the encoder, or `None` if none is given."""
    array = check_array(as_array(X), dtype=(np.float64, np.float32), ensure_min_samples=0)
    rows = unit_rows(array)
    if isinstance(encoder, Fingerprint):
        return rows, encoder
    loaded = loaded_encoder(encoder)
    return rows, None if loaded is None else loaded.fingerprint
