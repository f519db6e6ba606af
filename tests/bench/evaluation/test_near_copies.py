from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from metaadapter.bench.evaluation.draws import draw_tasks
from metaadapter.bench.evaluation.sets import copies
from metaadapter.bench.evaluation.sets.copies import NEAR, near_copy_groups

COUNTS = {"ant": 12, "bee": 12, "cow": 12}


def paths(folder):
    return [f"{folder}/{number}.png" for number in range(36)]


@pytest.fixture
def with_copies(make_store, load):
    """A set whose pictures lie on a ladder, so that neighbours of a class are at many distances."""

    def make(step):
        store = make_store("pets", COUNTS)
        rows = np.asarray(store.by_picture()).copy()
        rng = np.random.default_rng(3)
        for number in range(1, 36, 2):
            change = step * number * rng.standard_normal(rows.shape[-1]) / rows.shape[-1] ** 0.5
            rows[number] = rows[number - 1] + change
        data, _ = load(store.folder)
        return replace(data, features=(rows / np.linalg.norm(rows, axis=-1)[..., None],))

    return make


def slow_groups(data):
    """Join pictures of a class by all distances, until nothing changes."""
    rows = data.look_up(torch.arange(36)).double()
    squared = (rows[:, None] - rows).square().sum(-1).numpy()
    same = (data.labels_n[:, None] == data.labels_n) & ~np.eye(36, dtype=bool)
    near = same & (squared <= NEAR * np.median(squared[same]))
    numbers = np.arange(36)
    for _ in range(36):
        numbers = np.array([numbers[[n, *near[n].nonzero()[0]]].min() for n in range(36)])
    return numbers


@pytest.mark.parametrize("n_rows", [1024, 5])
def test_near_copy_groups__pictures_at_many_distances__are_those_of_a_slow_loop(
    with_copies, monkeypatch, n_rows
):
    monkeypatch.setattr(copies, "N_ROWS", n_rows)
    data = with_copies(0.02)

    groups, slow = near_copy_groups(data), slow_groups(data)

    assert np.array_equal(groups[:, None] == groups, slow[:, None] == slow)
    assert 20 < len(set(slow)) < 34


def saved_again(number):
    """The hash by which a store of the tests shares features: one picture and its copy."""
    return f"{number - number % 2}" if number < 12 else f"{number}"


def test_set__pictures_saved_twice__keeps_the_first_of_them(make_store, load):
    store = make_store("pets", COUNTS, sha256=[saved_again(number) for number in range(36)])

    data, config = load(store.folder, shots=(1, 3), tasks=9)
    rows = draw_tasks(data, config, 0)

    assert np.flatnonzero(data.labels_n < 0).tolist() == [1, 3, 5, 7, 9, 11]
    assert data.to_dict()["near_copies"] == 6
    drawn = torch.cat([rows.support_TNK.flatten(), rows.query_TNQ.flatten()])
    assert not set(drawn.tolist()) & {1, 3, 5, 7, 9, 11}


def test_draw_tasks__near_copy_in_the_other_store__is_no_query(make_store, load):
    # The stores have equal features, but other paths and hashes.
    stores = [
        make_store(name, COUNTS, path=paths(name), sha256=paths(name)).folder
        for name in ("photos", "copies")
    ]
    data, config = load(tuple(map(str, stores)), tasks=9)

    rows = draw_tasks(data, config, 0)

    assert data.n_near_copies == 36
    for task in range(9):
        support, query = (
            set((part[task][part[task] >= 0] % 36).tolist())
            for part in (rows.support_TNK, rows.query_TNQ)
        )
        assert query
        assert not support & query
