from __future__ import annotations

from collections import Counter
from itertools import permutations

import torch
from scipy.stats import chisquare

from episodes.draws import draw_classes


def test_draw_classes__every_ordered_choice__is_equally_likely(draw):
    eligible = torch.tensor([True, True, False, True]).expand(12_000, -1)

    classes = draw_classes(eligible, torch.full((12_000,), 2), draw)

    seen = Counter(tuple(row) for row in classes.tolist())
    assert seen.keys() == set(permutations([0, 1, 3], 2))
    assert chisquare(list(seen.values())).pvalue > 0.01


def test_draw_classes__fewer_eligible_than_asked__fills_up(draw):
    eligible = torch.tensor([[True, False, True, False], [True, True, True, True]])

    classes = draw_classes(eligible, torch.tensor([4, 3]), draw)

    assert sorted(classes[0].tolist()) == [-1, 0, 2]
    assert (classes[1] >= 0).sum() == 3


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


def test_draw_classes__hard_with_few_neighbours_eligible__takes_only_eligible_ones(draw):
    eligible = torch.tensor([True, False, False, True, True]).expand(200, -1)

    classes = draw_classes(
        eligible,
        torch.full((200,), 3),
        draw,
        similarity_CC=torch.eye(5),
        is_hard_T=torch.ones(200, dtype=torch.bool),
    )

    assert classes.sort(1).values.unique(dim=0).tolist() == [[0, 3, 4]]
