from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import normalize

from metaadapter.adapter.task_means import TaskMeans

WIDTH = 16


def random_means(ways, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(way, WIDTH, generator=draw) for way in ways]


def near(means, spread, seed=1):
    """Pictures about the means of all entries."""
    rows = torch.cat(means)
    noise = torch.randn(rows.shape, generator=torch.Generator().manual_seed(seed))
    return normalize(normalize(rows, dim=-1) + spread * noise, dim=-1)


def slow(picture, means, texts=None, counts=None):
    """log Σ exp(28 cos) of each entry, class by class, in Python's numbers."""
    units = [[normalize(mean.double(), dim=0) for mean in own] for own in means]
    every = [mean for own in units for mean in own]
    centre = sum(every) / len(every)
    centred = normalize(picture.double() - centre, dim=0)
    expected = [[normalize(mean - centre, dim=0) for mean in own] for own in units]
    if texts is not None:
        words = [normalize(text.double(), dim=0) for own in texts for text in own if text.any()]
        middle = sum(words) / len(words)
        for entry, own in enumerate(expected):
            task = normalize(sum(own), dim=0)
            for place, mean in enumerate([*own]):
                text, n = texts[entry][place].double(), int(counts[entry][place])
                word = normalize(normalize(text, dim=0) - middle, dim=0) if text.any() else 0 * mean
                own[place] = normalize(n * mean + 0.8 * word + 0.5 * task, dim=0)
    cosines = [[float(centred @ mean) for mean in own] for own in expected]
    return [math.log(sum(math.exp(28 * cosine) for cosine in own)) for own in cosines]


@pytest.mark.parametrize("with_texts", [False, True])
@given(ways=st.lists(st.integers(1, 4), min_size=2, max_size=5), seed=st.integers(0, 99))
def test_log_odds__any_entries__are_as_a_slow_loop_has_them(with_texts, ways, seed):
    means, more = random_means(ways, seed), {}
    if with_texts:
        draw = torch.Generator().manual_seed(seed)
        counts = [torch.randint(1, 5, (way,), generator=draw) for way in ways]
        more = {"text_END": random_means(ways, seed + 1000), "counts_EN": counts}
        more["text_END"][0][0] = 0  # a class without a name
    rows = near(means, 0.2)

    result = TaskMeans.of(means, **more).log_odds(rows)

    wanted = torch.tensor([slow(row, means, *more.values()) for row in rows])
    torch.testing.assert_close(result, wanted, rtol=1e-3, atol=1e-3)


def test_jointly__one_picture__is_as_per_row():
    means = TaskMeans.of(random_means([3, 2]))
    row = near(random_means([3, 2]), 0.5)[:1]

    torch.testing.assert_close(means.jointly(row), means.per_row(row)[0])
