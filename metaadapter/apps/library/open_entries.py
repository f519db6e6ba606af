"""The entries of a library that answer a question, with their adapters in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar, final

import torch

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.library.compose import compose
from metaadapter.apps.library.domains import domains
from metaadapter.apps.library.entry import ClassMeans, Entry
from metaadapter.apps.library.route import Identified, Routed
from metaadapter.apps.library.task_means import TaskMeans
from metaadapter.errors import MetaAdapterError, UsageError
from metaadapter.features.fingerprint import Fingerprint

# Adapters that stay in memory; one for 20 classes of four pictures takes 4 MB.
MOST_CACHED = 64
NONE: Mapping[str, str] = {}

Answer = TypeVar("Answer", Identified, Routed)


@final
class OpenEntries:
    """The entries of one encoder, as they are now.

    An entry whose adapter proves damaged when it is needed is left out from then on, and entries
    of one domain that one adapter cannot answer for are answered one by one.

    Attributes:
        means: Their mean pictures.
        left_out: Name of each other entry → reason.
        adapter: Names of entries → their adapter, or the one that `compose` predicts for several.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        width: int,
        fingerprint: Fingerprint | None,
        stored: Callable[[str], StoredAdapter],
    ) -> None:
        self._all, self._encoder, self._stored = entries, (width, fingerprint), stored
        self._unusable: dict[str, str] = {}
        self._apart: set[tuple[str, ...]] = set()
        self._domains: list[list[int]] | None = None
        self.adapter = lru_cache(MOST_CACHED)(self._read)
        self._choose()

    def answer(self, question: Callable[[OpenEntries], Answer]) -> Answer:
        """Return the answer of the entries whose adapters can be read."""
        while True:
            try:
                return replace(question(self), left_out=self.left_out)
            except _Unusable as error:
                names, reason = error.args
                if len(names) == 1:
                    self._unusable[names[0]] = reason
                else:
                    self._apart.add(names)
                self._choose()

    @property
    def domains(self) -> list[list[int]]:
        """The places in `means.names` of entries that one adapter answers for; see `domains`."""
        if self._domains is None:
            parts = [_with_pictures(entry) for entry in self._entries]
            groups = domains(
                torch.cat([part.means_ND for part in parts]).float(),
                torch.cat([part.counts_N for part in parts]),
                torch.arange(len(parts)).repeat_interleave(
                    torch.tensor([len(part.counts_N) for part in parts])
                ),
                [_kind(entry, self._entries) for entry in self._entries],
            )
            self._domains = [part for group in groups for part in self._parts(group)]
        return self._domains

    def has_label(self, place: int, label: object) -> bool:
        """Return whether an entry, given by its place in `means.names`, has a class."""
        facts = self._entries[place].facts
        return facts is not None and label in facts.classes

    def _choose(self) -> None:
        self._entries, self.left_out = comparable(self._all, *self._encoder, self._unusable)
        parts = [_with_pictures(entry) for entry in self._entries]
        self.means = TaskMeans.of(
            [part.means_ND.float() for part in parts],
            [entry.name for entry in self._entries],
            text_END=[part.text_ND.float() for part in parts],
            counts_EN=[part.counts_N for part in parts],
        )
        self._domains = None

    def _parts(self, group: list[int]) -> list[list[int]]:
        names = tuple(self.means.names[place] for place in group)
        return [[place] for place in group] if names in self._apart else [group]

    def _read(self, names: tuple[str, ...]) -> StoredAdapter:
        try:
            if len(names) == 1:
                return self._stored(names[0])
            # Many parts must not displace composed adapters, which take seconds.
            return compose({name: self._read((name,)) for name in names})
        except MetaAdapterError as error:
            raise _Unusable(names, str(error)) from error


class _Unusable(Exception):
    """Holds the names of entries, and the reason why they have no adapter."""


def comparable(
    entries: Sequence[Entry],
    width: int,
    fingerprint: Fingerprint | None,
    unusable: Mapping[str, str] = NONE,
    *,
    texts: bool = False,
) -> tuple[list[Entry], dict[str, str]]:
    """Return the entries with pictures (or texts) of an encoder, and name → reason for the others.

    Entries that do not record their encoder are compared; without a `fingerprint`, only the width
    decides.
    """
    chosen, left_out = list[Entry](), dict[str, str]()
    for entry in entries:
        if entry.facts is None or entry.classes is None or entry.damaged or entry.name in unusable:
            left_out[entry.name] = unusable.get(entry.name, entry.damaged)
            continue
        recorded = entry.facts.origin.fingerprint
        is_same = recorded is None or fingerprint is None or recorded.matches(fingerprint)
        rows = entry.classes.text_ND if texts else entry.classes.means_ND
        if entry.facts.width != width or not is_same:
            encoder = entry.encoder or "without a name"
            left_out[entry.name] = f"it has another encoder, {encoder}, {entry.facts.width} wide"
        elif not rows.any():
            left_out[entry.name] = f"it has no {'names' if texts else 'pictures'}"
        else:
            chosen.append(entry)
    if not chosen:
        lines = "".join(f"\n  {name}: {reason}" for name, reason in [*left_out.items()][:5])
        raise UsageError(
            f"no entry of the library can be compared with these features, {width} wide; encode "
            f"with the encoder of its entries, or add an adapter{lines}"
        )
    return chosen, left_out


def text_means(entries: Sequence[Entry]) -> TaskMeans:
    """Return the texts of the classes of comparable entries in the place of mean pictures."""
    texts = [entry.classes.text_ND.float() for entry in entries if entry.classes]
    return TaskMeans.of([text[text.any(-1)] for text in texts], [entry.name for entry in entries])


def _with_pictures(entry: Entry) -> ClassMeans:
    assert entry.classes is not None, "only comparable entries are open"
    has_pictures_N = entry.classes.means_ND.any(-1)
    return ClassMeans(*(part[has_pictures_N] for part in entry.classes))


def _kind(entry: Entry, entries: Sequence[Entry]) -> tuple[int, int, bool]:
    """Equal for entries whose classes one adapter can have."""
    assert entry.facts is not None
    first = next(place for place, other in enumerate(entries) if other.has_encoder_of(entry))
    has_texts = any(isinstance(label, str) for label in entry.facts.classes)
    return first, entry.facts.origin.n_views, has_texts
