"""Predictions of a library: the entries that answer, and the domain of each picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TypeAlias, final

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter.files import load_adapter
from metaadapter.adapter.known import known_of_classes
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.task_means import TaskMeans
from metaadapter.adapter.weights import probabilities
from metaadapter.apps.library.compose import compose
from metaadapter.apps.library.domains import domains
from metaadapter.apps.library.entry import ClassMeans, Entry
from metaadapter.errors import UsageError
from metaadapter.features.fingerprint import Fingerprint

# Adapters that stay in memory; one for 20 classes of four pictures takes 4 MB.
MOST_CACHED = 64


@final
class OpenEntries:
    """The entries of one encoder, as they are now.

    Attributes:
        means: Their mean pictures.
        left_out: Name of each other entry → reason.
        adapter: Places of entries in `means.names` → their adapter, or the one that `compose`
            predicts for several.
    """

    def __init__(
        self, entries: Sequence[Entry], width: int, fingerprint: Fingerprint | None
    ) -> None:
        self._entries, self.left_out = comparable(entries, width, fingerprint)
        self.adapter = lru_cache(MOST_CACHED)(self._read)
        self._parts = [_with_pictures(entry) for entry in self._entries]
        self.means = TaskMeans.of(
            [part.means_ND.float() for part in self._parts],
            [entry.name for entry in self._entries],
            text_END=[part.text_ND.float() for part in self._parts],
            counts_EN=[part.counts_N for part in self._parts],
        )

    @cached_property
    def domains(self) -> list[list[int]]:
        """The places in `means.names` of entries that one adapter answers for; see `domains`."""
        return domains(
            torch.cat([part.means_ND for part in self._parts]).float(),
            torch.cat([part.counts_N for part in self._parts]),
            self.means.owners_M,
            [_kind(entry, self._entries) for entry in self._entries],
        )

    def has_label(self, place: int, label: object) -> bool:
        """Return whether an entry, given by its place in `means.names`, has a class."""
        facts = self._entries[place].facts
        return facts is not None and label in facts.classes

    def _read(self, places: tuple[int, ...]) -> StoredAdapter:
        parts = [load_adapter(self._entries[place].file) for place in places]
        return parts[0] if len(parts) == 1 else compose(parts)


def comparable(
    entries: Sequence[Entry], width: int, fingerprint: Fingerprint | None
) -> tuple[list[Entry], dict[str, str]]:
    """Return the entries with pictures of an encoder, and name → reason for the others.

    Entries that do not record their encoder are compared; without a `fingerprint`, only the width
    decides.
    """
    chosen, left_out = list[Entry](), dict[str, str]()
    for entry in entries:
        if entry.facts is None or entry.classes is None:
            left_out[entry.name] = entry.damaged
            continue
        recorded = entry.facts.origin.fingerprint
        is_same = recorded is None or fingerprint is None or recorded.matches(fingerprint)
        if entry.facts.width != width or not is_same:
            encoder = entry.encoder or "without a name"
            left_out[entry.name] = f"it has another encoder, {encoder}, {entry.facts.width} wide"
        elif not entry.classes.means_ND.any():
            left_out[entry.name] = "it has no pictures"
        else:
            chosen.append(entry)
    if not chosen:
        lines = "".join(f"\n  {name}: {reason}" for name, reason in [*left_out.items()][:5])
        raise UsageError(
            f"no entry of the library can be compared with these features, {width} wide; encode "
            f"with the encoder of its entries, or add an adapter{lines}"
        )
    return chosen, left_out


def _with_pictures(entry: Entry) -> ClassMeans:
    assert entry.classes is not None, "only comparable entries are open"
    has_pictures_N = entry.classes.means_ND.any(-1)
    return ClassMeans(*(part[has_pictures_N] for part in entry.classes))


def _kind(entry: Entry, entries: Sequence[Entry]) -> tuple[object, ...]:
    """Equal for entries whose classes one adapter can have; it is made of their features."""
    assert entry.facts is not None
    if not entry.has_features:
        return (entry.name,)
    first = next(place for place, other in enumerate(entries) if other.has_encoder_of(entry))
    has_texts = any(isinstance(label, str) for label in entry.facts.classes)
    return first, entry.facts.origin.n_views, entry.facts.blocks, has_texts


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
            rows[is_of_entry_n], entries.adapter((number,))
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
        adapter = entries.adapter(tuple(group))
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
