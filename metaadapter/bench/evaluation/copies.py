"""Copies of one picture in two stores, of which a task may not label one and ask about another."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor


def copy_numbers(keys: Sequence[np.ndarray]) -> Int[np.ndarray, " n"]:
    """Return a number for each of n pictures, which copies share.

    Each key has a text for each picture. Pictures with an equal text in a key are copies; "" equals
    nothing. Chains of copies share a number, too.
    """
    n_nodes = n_pictures = len(keys[0])
    pictures, nodes = [], []
    # Each text is a node of a graph, and connects the pictures that have it.
    for key in keys:
        (present,) = (key != "").nonzero()
        texts, number = np.unique(key[present].astype(str), return_inverse=True)
        pictures.append(present)
        nodes.append(n_nodes + number)
        n_nodes += len(texts)
    edges = np.concatenate(pictures), np.concatenate(nodes)
    graph = coo_array((np.ones(len(edges[0])), edges), shape=(n_nodes, n_nodes))
    numbers: np.ndarray = connected_components(graph, directed=False)[1][:n_pictures]
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
