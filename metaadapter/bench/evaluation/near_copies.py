"""Near copies: one photograph of a class that was saved again with other bytes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from episodes import LabelIndex
from metaadapter.bench.evaluation.copies import copy_numbers
from metaadapter.bench.evaluation.evaluation_set import EvaluationSet

NEAR = 0.05
"""The largest squared distance of near copies, divided by the usual one between two pictures of a
class; measured in docs/explanation/evaluation.md."""
WIDTH, SLACK = 64, 2.0
"""Distances are compared in a random projection first. The ratio of a squared distance in 64 random
directions to the true one has the standard deviation 0.18, so none doubles."""
N_COMPARED, N_ROWS = 64, 1024


def near_copies_apart(data: EvaluationSet) -> EvaluationSet:
    """Return a set in which near copies are not on both sides of a task.

    Of near copies in one pool of pictures, the first one stays. If queries come from other pictures
    than the support, near copies are marked in `copies_n` instead.
    """
    groups_n = near_copy_groups(data)
    _, first, group_of_n = np.unique(groups_n, return_index=True, return_inverse=True)
    is_later_n = first[group_of_n] != np.arange(len(groups_n))
    if not is_later_n.any():
        return data
    if data.has_two_pools:
        linked_n = copy_numbers([data.copies_n.astype(str), groups_n.astype(str)])
        return replace(data, copies_n=linked_n, n_near_copies=int(is_later_n.sum()))
    labels_n = np.where(is_later_n, -1, data.labels_n)
    return replace(
        data,
        labels_n=labels_n,
        index=LabelIndex.from_labels(labels_n, n_classes=len(data.classes)),
        n_near_copies=int(is_later_n.sum()),
    )


def near_copy_groups(data: EvaluationSet) -> Int[np.ndarray, " n"]:
    """Return a number for each picture, which near copies share, also along a chain of copies."""
    members = [np.flatnonzero(data.labels_n == c) for c in range(len(data.classes))]
    projected_nW = _projected(data)
    usual = _usual(projected_nW, members)
    pairs = [pair for of_class in members for pair in _pairs(data, projected_nW, of_class, usual)]
    one, other = np.concatenate([*pairs, np.empty((2, 0), dtype=int)], axis=1)
    n = len(data.labels_n)
    graph = coo_array((np.ones(len(one)), (one, other)), shape=(n, n))
    groups_n: np.ndarray = connected_components(graph, directed=False)[1]
    return groups_n


def _projected(data: EvaluationSet) -> Float[Tensor, "n W"]:
    n, dim = len(data.labels_n), data.text_CD.shape[1]
    directions_DW = torch.randn(dim, WIDTH, generator=torch.Generator().manual_seed(0))
    chunks = torch.split(torch.arange(n), N_ROWS)
    rows = [data.look_up(chunk) @ directions_DW / math.sqrt(WIDTH) for chunk in chunks]
    return torch.cat(rows)


def _usual(projected_nW: Float[Tensor, "n W"], members: list[np.ndarray]) -> float:
    """Return the median squared distance of two pictures of a class."""
    distances = [torch.pdist(projected_nW[of_class[:N_COMPARED]]) for of_class in members]
    joined = torch.cat(distances)
    return float(joined.median().square()) if len(joined) else 0.0


def _pairs(
    data: EvaluationSet, projected_nW: Float[Tensor, "n W"], members: np.ndarray, usual: float
) -> Iterator[Int[np.ndarray, "2 pairs"]]:
    """Yield the near copies among the pictures of a class."""
    places_mW = projected_nW[members]
    for first in range(0, len(members), N_ROWS):
        close = _squared(places_mW[first : first + N_ROWS], places_mW) <= SLACK * NEAR * usual
        close.diagonal(first).fill_(False)
        if not close.any():
            continue
        some, others = close.any(1).nonzero()[:, 0].numpy(), close.any(0).nonzero()[:, 0].numpy()
        ones, twos = members[some + first], members[others]
        rows = [data.look_up(torch.from_numpy(numbers)) for numbers in (ones, twos)]
        near = (_squared(*rows) <= NEAR * usual).numpy() & (ones[:, None] != twos)
        one, other = np.nonzero(near)
        yield np.stack([ones[one], twos[other]])


def _squared(one: Float[Tensor, "a D"], other: Float[Tensor, "b D"]) -> Float[Tensor, "a b"]:
    squared: Tensor = torch.cdist(one, other).square()
    return squared
