from __future__ import annotations

import math

import pytest
import torch

from episodes import EpisodeSampler, EpisodeSpec, LabelIndex
from episodes.uneven import UnevenSizes, shots_of_classes


def shots_of(rows):
    """The shots of each class of each task, from most to fewest."""
    counts = (rows.support_TNK >= 0).sum(-1)
    return [sorted((n for n in task if n), reverse=True) for task in counts.tolist()]


@pytest.fixture
def sample(draw):
    index = LabelIndex.from_labels([c for c in range(20) for _ in range(130)])

    def sample(n_tasks, **changes):
        spec = EpisodeSpec((2, 20), (2, 3), 3, **changes)
        return EpisodeSampler(index, spec).draw(n_tasks, draw)

    return sample


def test_shots__slow_loop__are_few_times_a_power_of_the_ratio(draw):
    few_T, many_T = torch.tensor([1, 4, 3]), torch.tensor([100, 8, 3])
    tail_T = torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64)
    powers = torch.rand((3, 5), generator=draw, dtype=torch.float64).tolist()

    shots_TN = shots_of_classes(
        UnevenSizes(few_T, few_T, many_T, tail_T), 5, torch.Generator().manual_seed(0)
    )

    for task in range(3):
        few, many = int(few_T[task]), int(many_T[task])
        assert shots_TN[task, 0] == many
        for way in range(1, 5):
            power = powers[task][way] if tail_T[task] else 0.0
            assert shots_TN[task, way] == round(few * math.exp(power * math.log(many / few)))


def test_uneven__all_tasks__have_a_large_class_beside_few_shots_or_a_tail(sample):
    tasks = shots_of(sample(300, uneven=1.0))

    assert all(8 <= shots[0] <= 100 for shots in tasks)
    assert max(shots[0] for shots in tasks) > 90
    many_ways = [shots for shots in tasks if len(shots) > 4]
    is_flat = [shots[1] == shots[-1] for shots in many_ways]
    assert 0.3 < sum(is_flat) / len(is_flat) < 0.7
    assert all(shots[1] <= 4 for shots, flat in zip(many_ways, is_flat, strict=True) if flat)
    assert all(len(shots) * shots[0] <= 600 for shots in tasks)
