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


def test_label_index__text_labels__are_numbered_in_their_order():
    index = LabelIndex.from_labels(np.array(["wren", "owl", "wren"]))

    assert index.names == ("owl", "wren")
    assert rows_of(index, 1, 0) == [0, 2]


def test_label_index__text_as_objects__is_text():
    index = LabelIndex.from_labels(np.array(["wren", "owl"], dtype=object))

    assert index.names == ("owl", "wren")


def test_label_index__whole_numbers_without_n_classes__are_names():
    index = LabelIndex.from_labels(torch.tensor([7, 3, 7]))

    assert index.names == (3, 7)
    assert index.n_domains == 1


def test_label_index__class_without_a_row__keeps_its_number():
    index = LabelIndex.from_labels([0, 2], n_classes=4)

    assert index.counts_C.tolist() == [1, 0, 1, 0]


def test_rows_at__padding__stays_padding():
    index = LabelIndex.from_labels([1, 0])

    assert index.rows_at(torch.tensor([[0, -1]])).tolist() == [[1, -1]]


@pytest.mark.parametrize(
    ("labels", "settings", "message"),
    [
        ([0.5], {}, r"one text or whole number a row, got shape \(1,\) of float64"),
        ([[1]], {}, r"one text or whole number a row, got shape \(1, 1\)"),
        (["a", None], {}, r"one text or whole number a row, got shape \(2,\) of object"),
        (["a"], {"n_classes": 1}, "labels must be class numbers, got <U1"),
        ([0, 5], {"n_classes": 3}, "must be -1 .no label. or 0 to 2, got 0 to 5"),
        ([0, 1], {"domains": [0]}, r"for each of the 2 rows, got shape \(1,\)"),
        ([0, 1], {"domains": [0, -1]}, "of at least 0 .* the least -1"),
    ],
)
def test_label_index__labels_that_are_none__says_what_is_needed(labels, settings, message):
    with pytest.raises(EpisodeError, match=message):
        LabelIndex.from_labels(labels, **settings)
