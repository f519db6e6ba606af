"""Copies of pictures, of which a task may not label one and ask about another.

Copies are pictures of one path, content or group in two stores, and near copies: one photograph of
a class that was saved again with other bytes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from episodes import LabelIndex
from metaadapter.bench.evaluation.sets.evaluation_set import EvaluationSet

NEAR = 0.05
"""The largest squared distance of near copies, divided by the usual one between two pictures of a
class; measured in docs/explanation/evaluation.md."""
WIDTH, SLACK = 64, 2.0
"""Distances are compared in a random projection first. The ratio of a squared distance in 64 random
directions to the true one has the standard deviation 0.18, so none doubles."""
N_COMPARED, N_ROWS = 64, 1024


def copy_numbers(keys: Sequence[np.ndarray]) -> Int[np.ndarray, " n"]:
    """Return a number for each of n pictures, which copies share.

    Each key has a text for each picture. Pictures with an equal text in a key are copies; "" equals
    nothing. Chains of copies share a number, too.
    """
    pairs = []
    for key in keys:
        (present,) = (key != "").nonzero()
        _, first, number = np.unique(
            key[present].astype(str), return_index=True, return_inverse=True
        )
        pairs.append(np.stack([present, present[first[number]]]))
    return _linked(len(keys[0]), pairs)


def _linked(n: int, pairs: Sequence[Int[np.ndarray, "2 _"]]) -> Int[np.ndarray, " n"]:
    """Return a number for each of n pictures, equal for linked pictures, also along a chain."""
    one, other = np.concatenate([*pairs, np.empty((2, 0), dtype=int)], axis=1)
    graph = coo_array((np.ones(len(one)), (one, other)), shape=(n, n))
    numbers: np.ndarray = connected_components(graph, directed=False)[1]
    return numbers


def paths_within(paths_n: np.ndarray) -> np.ndarray:
    """Return paths relative to the folder that all of them have in common."""
    try:
        common = os.path.commonpath(paths_n.tolist())
    except ValueError:  # some paths are absolute, others are relative
        return paths_n
    return np.array([os.path.relpath(path, common) for path in paths_n.tolist()], dtype=object)


def without_copies(
    query_TNQ: Int[Tensor, "T N Q"], support_TNK: Int[Tensor, "T N K"], numbers_n: np.ndarray
) -> Int[Tensor, "T N Q"]:
    """Return the queries that are no copies of labelled pictures of their task, then −1."""
    numbers = torch.from_numpy(numbers_n).long()
    kept = query_TNQ.clone()
    for query_NQ, support_NK in zip(kept, support_TNK, strict=True):
        labelled = numbers[support_NK[support_NK >= 0]]
        query_NQ[torch.isin(numbers[query_NQ], labelled)] = -1
    order_TNQ = (kept < 0).byte().argsort(dim=-1, stable=True)
    return kept.take_along_dim(order_TNQ, -1)


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
    data = replace(data, n_near_copies=int(is_later_n.sum()))
    if data.has_two_pools:
        return replace(
            data, copies_n=copy_numbers([data.copies_n.astype(str), groups_n.astype(str)])
        )
    labels_n = np.where(is_later_n, -1, data.labels_n)
    index = LabelIndex.from_labels(labels_n, n_classes=len(data.classes))
    return replace(data, labels_n=labels_n, index=index)


def near_copy_groups(data: EvaluationSet) -> Int[np.ndarray, " n"]:
    """Return a number for each picture, which near copies share, also along a chain of copies."""
    members = [np.flatnonzero(data.labels_n == c) for c in range(len(data.classes))]
    projected_nW = _projected(data)
    # The median squared distance of two pictures of a class.
    distances = torch.cat([torch.pdist(projected_nW[own[:N_COMPARED]]) for own in members])
    usual = float(distances.median().square()) if len(distances) else 0.0
    pairs = [pair for own in members for pair in _pairs(data, projected_nW, own, NEAR * usual)]
    return _linked(len(data.labels_n), pairs)


def _projected(data: EvaluationSet) -> Float[Tensor, "n W"]:
    n, dim = len(data.labels_n), data.text_CD.shape[1]
    directions_DW = torch.randn(dim, WIDTH, generator=torch.Generator().manual_seed(0))
    chunks = torch.split(torch.arange(n), N_ROWS)
    rows = [data.look_up(chunk) @ directions_DW / math.sqrt(WIDTH) for chunk in chunks]
    return torch.cat(rows)


def _pairs(
    data: EvaluationSet, projected_nW: Float[Tensor, "n W"], members: np.ndarray, most: float
) -> Iterator[Int[np.ndarray, "2 pairs"]]:
    """Yield the pairs of a class's pictures with at most this squared distance."""
    places_mW = projected_nW[members]
    for first in range(0, len(members), N_ROWS):
        close = _squared(places_mW[first : first + N_ROWS], places_mW) <= SLACK * most
        close.diagonal(first).fill_(False)
        if not close.any():
            continue
        ones, twos = members[first:][close.any(1).nonzero()[:, 0]], members[close.any(0).numpy()]
        rows = [data.look_up(torch.from_numpy(numbers)) for numbers in (ones, twos)]
        near = (_squared(*rows) <= most).numpy() & (ones[:, None] != twos)
        one, other = np.nonzero(near)
        yield np.stack([ones[one], twos[other]])


def _squared(one: Float[Tensor, "a D"], other: Float[Tensor, "b D"]) -> Float[Tensor, "a b"]:
    squared: Tensor = torch.cdist(one, other).square()
    return squared
