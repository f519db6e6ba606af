from __future__ import annotations

from collections import Counter
from itertools import permutations

import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from episodes.draws import draw_distinct

CELLS = st.lists(
    st.integers(0, 12).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=1
)


@given(CELLS, st.integers(0, 2**32))
def test_draw_distinct__any_cells__gives_as_many_different_numbers_below_the_count(cells, seed):
    counts, n_picks = torch.tensor(cells).T

    picks = draw_distinct(counts, n_picks, torch.Generator().manual_seed(seed))

    for (count, n), row in zip(cells, picks.tolist(), strict=True):
        assert set(row[n:]) <= {-1}
        assert len(set(row[:n])) == n
        assert all(0 <= pick < count for pick in row[:n])


def test_draw_distinct__every_ordered_choice__is_equally_likely(draw):
    counts = torch.full((20_000,), 4)

    picks = draw_distinct(counts, torch.full_like(counts, 3), draw)

    seen = Counter(tuple(row) for row in picks.tolist())
    assert seen.keys() == set(permutations(range(4), 3))
    assert chisquare(list(seen.values())).pvalue > 0.01


def test_draw_distinct__tens_of_millions__reaches_both_ends(draw):
    counts = torch.full((2_000,), 50_000_000)

    picks = draw_distinct(counts, torch.full_like(counts, 5), draw)

    assert int(picks.min()) < 50_000
    assert int(picks.max()) > 49_950_000
    assert len(picks.unique()) > 9_990
