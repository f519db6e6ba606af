"""Predictions of a library: each picture goes to the domain that it most probably belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter.known import known_of_classes
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.weights import probabilities

if TYPE_CHECKING:
    from metaadapter.apps.library.open_entries import OpenEntries

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


def routed(
    rows: Float[Tensor, "n D"], entries: OpenEntries, *, keep: float | None = None
) -> Routed:
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
        known_n[is_here_n], unfamiliar_n[is_here_n] = _known(rows[is_here_n], adapter, keep)
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
    rows: Float[Tensor, "m D"], adapter: StoredAdapter, keep: float | None = None
) -> tuple[Float[Tensor, " m"], Bool[Tensor, " m"]]:
    if adapter.weights.known_head is None:
        return torch.ones(len(rows)).double(), torch.zeros(len(rows)).bool()
    return known_of_classes(rows, adapter.weights, adapter.config.classes, keep)


def _objects(items: Iterable[object]) -> np.ndarray:
    """Make an array of labels or names; numpy would turn a mix of numbers and texts into texts."""
    return np.array([*items, None], dtype=object)[:-1]
