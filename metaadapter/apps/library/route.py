"""Predictions of a library: each picture goes to the domains that it most likely belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.known import known_probabilities, known_threshold
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.weights import probabilities
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


def identified(
    rows: Float[Tensor, "n D"], entries: OpenEntries, *, together: bool
) -> Identified:
    """Identify the task of unit rows, and predict with its adapter whether they are known."""
    means = entries.means
    shares_QE = means.jointly(rows)[None] if together else means.per_row(rows)
    best_Q = shares_QE.argmax(-1)
    known_n, least_n = torch.zeros(len(rows)).double(), torch.zeros(len(rows)).double()
    entry_n = best_Q.expand(len(rows)) if together else best_Q
    for number in sorted(set(best_Q.tolist())):
        is_of_entry_n = entry_n == number
        known_n[is_of_entry_n], least_n[is_of_entry_n] = _known(
            rows[is_of_entry_n], entries.adapter((means.names[number],))
        )
    is_none_n = known_n < least_n
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
    """The predictions of a library for n pictures, each by its k likeliest domains.

    A domain is an entry, or several whose classes one adapter predicts together.

    Attributes:
        labels: The most probable label of each picture, a text or a number.
        entries: The entry of this label; the most probable one, if several have it.
        probabilities: The probability of that label.
        shares: For each picture, label → probability, with all labels of its domains.
        known: The probability that the picture shows one of these domains' classes.
        unfamiliar: Whether `known` is below the threshold of the picture's domains.
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
    rows: Float[Tensor, "n D"], entries: OpenEntries, *, k: int = 1, keep: float | None = None
) -> Routed:
    """Send each unit row to its k likeliest domains, and mix their predictions.

    P(label | x) = Σ_d P(d | x) P(label | x, d) over the k domains d, whose P(d | x) are scaled to
    sum to 1; P(d | x) is the sum over the entries of d. If domains share a label, their terms add
    up. To an adapter that does not predict known, all pictures are known.
    """
    names = entries.means.names
    entry_nE = entries.means.per_row(rows)
    domain_nG = torch.stack([entry_nE[:, group].sum(-1) for group in entries.domains], dim=-1)
    shares_nK, domains_nK = domain_nG.topk(min(k, len(entries.domains)), dim=-1)
    shares_nK = shares_nK / shares_nK.sum(-1, keepdim=True)
    mixed: list[dict[Label, float]] = [{} for _ in rows]
    most: list[dict[Label, tuple[float, str]]] = [{} for _ in rows]
    known_n, least_n = torch.zeros(len(rows)).double(), torch.zeros(len(rows)).double()
    for number in sorted(set(domains_nK.flatten().tolist())):
        numbers_m, place_m = (domains_nK == number).nonzero(as_tuple=True)
        weights_m = shares_nK[numbers_m, place_m].double()
        group = entries.domains[number]
        adapter, rows_m = entries.adapter(tuple(names[place] for place in group)), rows[numbers_m]
        shares_mN = probabilities(rows_m, adapter.weights) * weights_m[:, None]
        known_m, least = _known(rows_m, adapter, keep)
        known_n[numbers_m] += weights_m * known_m
        least_n[numbers_m] += weights_m * least
        owners = [
            [place for place in group if entries.has_label(place, label)]
            for label in adapter.config.classes
        ]
        for row, shares in zip(numbers_m.tolist(), shares_mN.tolist(), strict=True):
            of_entry = entry_nE[row]
            for label, share, own in zip(adapter.config.classes, shares, owners, strict=True):
                name = names[own[0] if len(own) == 1 else max(own, key=of_entry.__getitem__)]
                mixed[row][label] = mixed[row].get(label, 0.0) + share
                most[row][label] = max(most[row].get(label, (0.0, name)), (share, name))
    best = [max(shares, key=shares.__getitem__) for shares in mixed]
    return Routed(
        labels=_objects(best),
        entries=_objects(by[label][1] for by, label in zip(most, best, strict=True)),
        probabilities=np.array(
            [shares[label] for shares, label in zip(mixed, best, strict=True)], dtype=np.float64
        ),
        shares=tuple(mixed),
        known=known_n.numpy(),
        unfamiliar=(known_n < least_n).numpy(),
        domains=tuple(tuple(names[place] for place in group) for group in entries.domains),
    )


def _known(
    rows: Float[Tensor, "m D"], adapter: StoredAdapter, keep: float | None = None
) -> tuple[Float[Tensor, " m"], Float[Tensor, ""]]:
    if adapter.weights.known_head is None:
        return torch.ones(len(rows)).double(), torch.zeros(()).double()
    threshold = known_threshold(adapter.weights, keep)
    return known_probabilities(rows, adapter.weights), threshold.double()


def _objects(items: Iterable[object]) -> np.ndarray:
    """Make an array of labels or names; numpy would turn a mix of numbers and texts into texts."""
    return np.array([*items, None], dtype=object)[:-1]
