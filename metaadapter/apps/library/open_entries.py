"""The entries of a library that a query may use."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cached_property
from typing import final

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.library.domains import domains
from metaadapter.apps.library.index import IndexedEntry, SignatureIndex
from metaadapter.apps.library.task_means import TaskMeans


@final
class OpenEntries:
    """Entries of one encoder, as they are now.

    Attributes:
        means: Their mean pictures.
        adapter: Names of entries → their adapter, or the one that `compose` predicts for several.
    """

    def __init__(
        self,
        index: SignatureIndex,
        means: TaskMeans,
        adapter: Callable[[tuple[str, ...]], StoredAdapter],
        apart: Collection[tuple[str, ...]] = (),
    ) -> None:
        self.means, self.adapter, self._apart = means, adapter, apart
        numbers = {entry.name: number for number, entry in enumerate(index.entries)}
        self._numbers = [numbers[name] for name in means.names]
        self._index = index

    @cached_property
    def domains(self) -> list[list[int]]:
        """The places in `means.names` of entries that one adapter answers for; see `domains`."""
        entries = [self._index.entries[number] for number in self._numbers]
        stack = self._index.stacks[entries[0].width].with_pictures(self._numbers)
        kinds = [_kind(entry, entries) for entry in entries]
        groups = domains(stack.means.float(), stack.counts, stack.owners, kinds)
        return [part for group in groups for part in self._parts(group)]

    def has_label(self, place: int, label: object) -> bool:
        """Return whether an entry, given by its place in `means.names`, has a class."""
        return label in self._index.entries[self._numbers[place]].classes

    def _parts(self, group: list[int]) -> list[list[int]]:
        names = tuple(self.means.names[place] for place in group)
        return [[place] for place in group] if names in self._apart else [group]


def _kind(entry: IndexedEntry, entries: list[IndexedEntry]) -> tuple[int, int, bool]:
    """Equal for entries whose classes one adapter can have."""
    first = next(place for place, other in enumerate(entries) if other.has_encoder_of(entry))
    return first, entry.n_views, any(isinstance(label, str) for label in entry.classes)
