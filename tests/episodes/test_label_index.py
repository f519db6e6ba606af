from __future__ import annotations

import numpy as np
import pytest
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
