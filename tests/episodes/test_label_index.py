from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from episodes import EpisodeError, LabelIndex

LABELLED_ROWS = st.lists(st.tuples(st.integers(-1, 4), st.integers(0, 2)), min_size=1)


def rows_of(index, c, m):
    start, count = int(index.starts_CM[c, m]), int(index.counts_CM[c, m])
    return index.rows_n[start : start + count].tolist()


@given(LABELLED_ROWS)
def test_label_index__any_table__finds_the_rows_that_a_loop_finds(table):
    labels, domains = (np.array(column) for column in zip(*table, strict=True))

    index = LabelIndex.from_labels(labels, domains, n_classes=5)

    for c in range(index.n_classes):
        for m in range(index.n_domains):
            assert rows_of(index, c, m) == [i for i, cell in enumerate(table) if cell == (c, m)]
    assert int(index.counts_C.sum()) == len(index.rows_n) == int((labels >= 0).sum())


def test_label_index__class_without_a_row_and_padding__keep_their_numbers():
    assert LabelIndex.from_labels([0, 2], n_classes=4).counts_C.tolist() == [1, 0, 1, 0]
    assert LabelIndex.from_labels([1, 0]).rows_at(torch.tensor([[0, -1]])).tolist() == [[1, -1]]


@pytest.mark.parametrize(
    ("labels", "settings", "message"),
    [
        ([0.5], {}, r"labels must be one whole number .* got shape \(1,\) of float64"),
        ([[1]], {}, r"labels must be one whole number .* a row, got shape \(1, 1\)"),
        (["a"], {}, r"labels must be one whole number of at least -1 a row, .* of <U1"),
        ([0, -2], {}, "labels must be one whole number of at least -1"),
        ([0, 5], {"n_classes": 3}, "labels must be less than 3, got 5"),
        ([0, 1], {"domains": [0]}, "expected 2 domains, one per row, got 1"),
        ([0, 1], {"domains": [0, -1]}, "domains must be one whole number of at least 0"),
    ],
)
def test_label_index__labels_that_are_none__says_what_is_needed(labels, settings, message):
    with pytest.raises(EpisodeError, match=message):
        LabelIndex.from_labels(labels, **settings)


@pytest.mark.parametrize("n_classes", [32_766, 32_767, 32_768, 40_000])
def test_from_labels__many_classes__have_the_rows_that_a_loop_finds(n_classes):
    """The sort reads numbers of 16 bits as long as all cells fit into them."""
    labels = np.random.default_rng(0).integers(-1, n_classes, 300)
    labels[:3] = n_classes - 1, 0, -1

    index = LabelIndex.from_labels(labels, n_classes=n_classes)

    for number in set(labels.tolist()) - {-1}:
        start, count = int(index.starts_CM[number, 0]), int(index.counts_CM[number, 0])
        rows = index.rows_n[start : start + count].tolist()
        assert rows == [row for row, label in enumerate(labels) if label == number]
    assert len(index.rows_n) == (labels >= 0).sum()
