"""Predictions of a library: the entries that answer, and the domain of each picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TypeAlias, TypeVar, final

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter.known import known_of_classes
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.weights import probabilities
from metaadapter.apps.library.compose import compose
from metaadapter.apps.library.entry import ClassMeans, Entry
from metaadapter.apps.library.task_means import TaskMeans, domains
from metaadapter.errors import MetaAdapterError, UsageError
from metaadapter.features.fingerprint import Fingerprint

# Adapters that stay in memory; one for 20 classes of four pictures takes 4 MB.
MOST_CACHED = 64
NONE: Mapping[str, str] = {}

Answer = TypeVar("Answer", "Identified", "Routed")


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


Label: TypeAlias = bool | int | float | str


@dataclass(frozen=True, slots=True, eq=False)
class Identified:
    """The entry that pictures belong to: one result for each, or one for all together.

    Attributes:
        names: The names of the E entries that were compared.
        probabilities: (n, E), or (1, E) for all together: the probability of each entry, assuming
            that it is one of them.
        entries: The most probable entry of each result.
        known: The probability that the pictures show one of that entry's classes; the mean for all
            together.
        is_none: Whether they are unfamiliar to that entry; for all together, whether most are.
        left_out: Name of each entry that was left out → reason.
    """

    names: tuple[str, ...]
    probabilities: Float[np.ndarray, "q E"]
    entries: np.ndarray
    known: Float[np.ndarray, " q"]
    is_none: np.ndarray
    left_out: Mapping[str, str] = field(default_factory=dict)


def identified(rows: Float[Tensor, "n D"], entries: OpenEntries, *, together: bool) -> Identified:
    """Identify the task of unit rows, and predict with its adapter whether they are known."""
    means = entries.means
    shares_QE = means.jointly(rows)[None] if together else means.per_row(rows)
    best_Q = shares_QE.argmax(-1)
    known_n, is_none_n = torch.zeros(len(rows)).double(), torch.zeros(len(rows)).bool()
    entry_n = best_Q.expand(len(rows)) if together else best_Q
    for number in sorted(set(best_Q.tolist())):
        is_of_entry_n = entry_n == number
        known_n[is_of_entry_n], is_none_n[is_of_entry_n] = _known(
            rows[is_of_entry_n], entries.adapter((means.names[number],))
        )
    if together:
        known_n, is_none_n = known_n.mean()[None], (is_none_n.double().mean() > 0.5)[None]
    return Identified(
        means.names,
        shares_QE.double().numpy(),
        _objects(means.names[number] for number in best_Q.tolist()),
        known_n.numpy(),
        is_none_n.numpy(),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Routed:
    """The predictions of a library for n pictures, each by its most probable domain.

    A domain is an entry, or several whose classes one adapter predicts together.

    Attributes:
        labels: The most probable label of each picture, a text or a number.
        entries: The entry of this label; the most probable one, if several have it.
        probabilities: The probability of that label.
        shares: For each picture, label → probability, for all labels of its domain.
        known: The probability that the picture shows one of its domain's classes.
        unfamiliar: Whether `known` is below the threshold of the picture's domain.
        domains: The names of the entries of each domain.
        left_out: Name of each entry that was left out → reason.
    """

    labels: np.ndarray
    entries: np.ndarray
    probabilities: Float[np.ndarray, " n"]
    shares: tuple[dict[Label, float], ...]
    known: Float[np.ndarray, " n"]
    unfamiliar: np.ndarray
    domains: tuple[tuple[str, ...], ...]
    left_out: Mapping[str, str] = field(default_factory=dict)


def routed(rows: Float[Tensor, "n D"], entries: OpenEntries) -> Routed:
    """Predict each unit row by the adapter of its most probable domain.

    The probability of a domain is the sum over its entries. To an adapter that does not predict
    known, all pictures are known.
    """
    names = entries.means.names
    entry_nE = entries.means.per_row(rows)
    domain_nG = torch.stack([entry_nE[:, group].sum(-1) for group in entries.domains], dim=-1)
    domain_n = domain_nG.argmax(-1)
    shares: list[dict[Label, float]] = [{} for _ in rows]
    labels: list[Label] = [""] * len(rows)
    owners = np.empty(len(rows), object)
    known_n, unfamiliar_n = torch.zeros(len(rows)).double(), torch.zeros(len(rows)).bool()
    for number in sorted(set(domain_n.tolist())):
        is_here_n = domain_n == number
        group = entries.domains[number]
        adapter = entries.adapter(tuple(names[place] for place in group))
        classes = adapter.config.classes
        shares_mN = probabilities(rows[is_here_n], adapter.weights)
        known_n[is_here_n], unfamiliar_n[is_here_n] = _known(rows[is_here_n], adapter)
        for row, own in zip(is_here_n.nonzero()[:, 0].tolist(), shares_mN, strict=True):
            shares[row] = dict(zip(classes, own.tolist(), strict=True))
            label = classes[int(own.argmax())]
            holders = [place for place in group if entries.has_label(place, label)]
            labels[row], owners[row] = label, names[max(holders, key=entry_nE[row].__getitem__)]
    return Routed(
        labels=_objects(labels),
        entries=owners,
        probabilities=np.array([max(own.values()) for own in shares], dtype=np.float64),
        shares=tuple(shares),
        known=known_n.numpy(),
        unfamiliar=unfamiliar_n.numpy(),
        domains=tuple(tuple(names[place] for place in group) for group in entries.domains),
    )


def _known(
    rows: Float[Tensor, "m D"], adapter: StoredAdapter
) -> tuple[Float[Tensor, " m"], Bool[Tensor, " m"]]:
    if adapter.weights.known_head is None:
        return torch.ones(len(rows)).double(), torch.zeros(len(rows)).bool()
    return known_of_classes(rows, adapter.weights, adapter.config.classes)


def _objects(items: Iterable[object]) -> np.ndarray:
    """Make an array of labels or names; numpy would turn a mix of numbers and texts into texts."""
    return np.array([*items, None], dtype=object)[:-1]
