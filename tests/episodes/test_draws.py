from __future__ import annotations

from collections import Counter
from itertools import permutations

import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from episodes.draws import draw_classes, draw_distinct, draw_off_class

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


def test_draw_classes__hard__are_all_near_the_seed_which_may_stand_anywhere(draw):
    # Classes on a line, and each is most like those beside it.
    places = torch.arange(40.0)
    similarity = -(places[:, None] - places).abs()
    n_tasks, n_way = 2_000, 3

    classes = draw_classes(
        torch.ones(n_tasks, 40, dtype=torch.bool),
        torch.full((n_tasks,), n_way),
        draw,
        similarity_CC=similarity,
        is_hard_T=torch.arange(n_tasks) < 1_000,
    )

    spread = classes.amax(1) - classes.amin(1)
    # Six neighbours: three on each side, or all on one at an end of the line.
    assert int(spread[:1_000].max()) == 6
    assert float(spread[1_000:].float().mean()) > 15
    first_is_median = (classes[:1_000].median(1).values == classes[:1_000, 0]).float().mean()
    assert abs(float(first_is_median) - 1 / 3) < 0.06


COUNTS = torch.tensor([3, 0, 4, 2, 5])


def test_off_class__each_picture_outside_the_task__is_equally_likely(draw):
    classes = torch.tensor([[4, 0, -1]]).expand(6_000, -1)

    places = draw_off_class(classes, COUNTS, 2, draw)

    seen, times = places.unique(return_counts=True)
    assert seen.tolist() == [3, 4, 5, 6, 7, 8]
    assert chisquare(times.numpy()).pvalue > 0.01
    assert (places[:, 0] != places[:, 1]).all()
