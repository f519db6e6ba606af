from __future__ import annotations

import torch
from scipy.stats import chisquare

from episodes.draws import draw_off_class

COUNTS = torch.tensor([3, 0, 4, 2, 5])


def test_off_class__each_picture_outside_the_task__is_equally_likely(draw):
    classes = torch.tensor([[4, 0, -1]]).expand(6_000, -1)

    places = draw_off_class(classes, COUNTS, 2, draw)

    seen, times = places.unique(return_counts=True)
    assert seen.tolist() == [3, 4, 5, 6, 7, 8]
    assert chisquare(times.numpy()).pvalue > 0.01
    assert (places[:, 0] != places[:, 1]).all()


def test_off_class__class_in_the_middle_left_out__is_stepped_over(draw):
    places = draw_off_class(torch.tensor([[2]]), COUNTS, 99, draw)

    assert sorted(places[0].tolist()) == [0, 1, 2, 7, 8, 9, 10, 11, 12, 13]


def test_off_class__all_classes_in_the_task__gives_none(draw):
    places = draw_off_class(torch.tensor([[0, 1, 2, 3, 4], [0, 1, 2, 3, -1]]), COUNTS, 3, draw)

    assert places[0].tolist() == [-1, -1, -1]
    assert set(places[1].tolist()) < {9, 10, 11, 12, 13}
