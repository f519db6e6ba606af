"""Answers of a library: each picture goes to the stored adapters that it most likely belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from metaadapter.adapter.known import known_probabilities, known_threshold
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.weights import probabilities
from metaadapter.apps.library.task_means import TaskMeans

Label: TypeAlias = bool | int | float | str


@dataclass(frozen=True, slots=True, eq=False)
class Identified:
    """Which stored task pictures are of: n questions, or one about all of them together.

    Attributes:
        names: Of the E entries that were compared.
        probabilities: (n, E), or (1, E) of all together: of each task, given that it is one of
            them.
        entries: The most probable entry of each question.
        known: The probability that the pictures are of that entry's classes at all; of all
            together the mean.
        is_none: Whether they look unfamiliar to it; of all together, whether most of them do.
        left_out: Name → why an entry of the library took no part.
    """

    names: tuple[str, ...]
    probabilities: Float[np.ndarray, "q E"]
    entries: np.ndarray
    known: Float[np.ndarray, " q"]
    is_none: np.ndarray
    left_out: Mapping[str, str] = field(default_factory=dict)


def identified(
    rows: Float[Tensor, "n D"],
    means: TaskMeans,
    stored: Callable[[str], StoredAdapter],
    *,
    together: bool,
) -> Identified:
    """Ask which task unit rows are of, and the adapter of the likeliest whether they are known.

    Args:
        rows: Features of pictures.
        means: The tasks of the library.
        stored: Name → adapter.
        together: All are of one task.
    """
    shares_QE = means.jointly(rows)[None] if together else means.per_row(rows)
    best_Q = shares_QE.argmax(-1)
    known_n, least_n = torch.zeros(len(rows)).double(), torch.zeros(len(rows)).double()
    entry_n = best_Q.expand(len(rows)) if together else best_Q
    for number in sorted(set(best_Q.tolist())):
        is_own_n = entry_n == number
        known_n[is_own_n], least_n[is_own_n] = _known(rows[is_own_n], stored(means.names[number]))
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
    """What a library answers for n pictures, each by its own k entries.

    Attributes:
        labels: The most probable label of each picture, as its entry has it: a text or a number.
        entries: The entry that gives most of this label's probability.
        probabilities: Of that label.
        shares: Label → probability, of all labels of the entries that a picture was sent to.
        known: The probability that the picture shows one of their classes at all.
        unfamiliar: Whether that is below the threshold of its entry.
        left_out: Name → why an entry of the library took no part.
    """

    labels: np.ndarray
    entries: np.ndarray
    probabilities: Float[np.ndarray, " n"]
    shares: tuple[dict[Label, float], ...]
    known: Float[np.ndarray, " n"]
    unfamiliar: np.ndarray
    left_out: Mapping[str, str] = field(default_factory=dict)


def route(
    rows: Float[Tensor, "n D"],
    means: TaskMeans,
    stored: Callable[[str], StoredAdapter],
    *,
    k: int = 1,
    keep: float | None = None,
) -> Routed:
    """Send each unit row to its k likeliest entries, and mix their answers.

    P(label | x) = Σ_e P(e | x) P(label | x, e) over the k entries, whose P(e | x) are scaled to sum
    to 1; entries with the same label add to it. An adapter that cannot tell the unknown takes all
    pictures for known.

    Args:
        rows: Features of pictures.
        means: The tasks of the library.
        stored: Name → adapter; called once for each entry that a picture goes to.
        k: The number of entries for each picture.
        keep: The fraction of known pictures that are not to look unfamiliar, 0.5 … 0.99; that of
            each adapter by default.
    """
    shares_nK, entries_nK = means.per_row(rows).topk(min(k, len(means.names)), dim=-1)
    shares_nK = shares_nK / shares_nK.sum(-1, keepdim=True)
    mixed: list[dict[Label, float]] = [{} for _ in rows]
    most: list[dict[Label, tuple[float, str]]] = [{} for _ in rows]
    known_n, least_n = torch.zeros(len(rows)).double(), torch.zeros(len(rows)).double()
    for number in sorted(set(entries_nK.flatten().tolist())):
        numbers_m, weights_m = _sent_to(number, entries_nK, shares_nK)
        name = means.names[number]
        adapter, own = stored(name), rows[numbers_m]
        answers_mN = probabilities(own, adapter.weights) * weights_m[:, None]
        known_m, least = _known(own, adapter, keep)
        known_n[numbers_m] += weights_m * known_m
        least_n[numbers_m] += weights_m * least
        for row, answer in zip(numbers_m.tolist(), answers_mN.tolist(), strict=True):
            for label, share in zip(adapter.config.classes, answer, strict=True):
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
    )


def _known(
    rows: Float[Tensor, "m D"], adapter: StoredAdapter, keep: float | None = None
) -> tuple[Float[Tensor, " m"], Float[Tensor, ""]]:
    """The probability that rows are of an adapter's classes, and the least that passes.

    An adapter that cannot tell takes all for known.
    """
    if adapter.weights.known_head is None:
        return torch.ones(len(rows)).double(), torch.zeros(()).double()
    threshold = known_threshold(adapter.weights, keep)
    return known_probabilities(rows, adapter.weights), threshold.double()


def _objects(items: Iterable[object]) -> np.ndarray:
    """An array of labels or names as they are; numpy would make texts of numbers beside texts."""
    return np.array([*items, None], dtype=object)[:-1]


def _sent_to(
    number: int, entries_nK: Int[Tensor, "n K"], shares_nK: Float[Tensor, "n K"]
) -> tuple[Int[Tensor, " m"], Float[Tensor, " m"]]:
    """The pictures that go to an entry, and how much its answer counts for each."""
    picture_m, place_m = (entries_nK == number).nonzero(as_tuple=True)
    return picture_m, shares_nK[picture_m, place_m].double()
