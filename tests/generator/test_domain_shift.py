"""The shift between labelled and unlabelled pictures: against loops, and what it may not move."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.generator.domain_shift import DomainShift, domain_shift
from metaadapter.generator.generator import Generator

N_WAY, WIDTH, BLOCKS = 5, 40, (24, 16)


def blocked(rows):
    """Rows whose two blocks have the same lengths in all of them."""
    parts = torch.split(rows, BLOCKS, -1)
    return torch.cat([normalize(part, dim=-1) * 0.5**0.5 for part in parts], -1)


def drawn(shares, offset=0.0, n_shot=4, seed=0):
    """The support of one task with a pool of so many pictures of each class, and queries.

    The pool and the queries lie `offset` away from the labelled pictures.
    """
    draw = torch.Generator().manual_seed(seed)

    def randn(*shape):
        return torch.randn(*shape, WIDTH, generator=draw, dtype=torch.float64)

    directions, elsewhere = randn(N_WAY), offset * randn()
    shots = blocked(directions[:, None] + randn(N_WAY, n_shot))
    text = blocked(directions + randn(N_WAY))
    labels = torch.arange(N_WAY).repeat_interleave(torch.tensor(shares))
    pool = blocked(directions[labels] + randn(len(labels)) + elsewhere)
    support = Support.of_tasks(shots[None], text[None], logit_scale=20.0, blocks=BLOCKS)
    queries = blocked(directions.repeat(40, 1) + randn(40 * N_WAY) + elsewhere)
    return support.with_pool(pool), queries[None], torch.arange(N_WAY).repeat(40)


def by_loops(support):
    """The parts of the distance, the ratio and the spread, one class and one picture at a time."""
    shots, pool = support.support_TNKD[0].numpy(), support.pool_TUD[0].numpy()
    n_way, n_shot = shots.shape[:2]
    means = [sum(shots[c]) / n_shot for c in range(n_way)]
    centre = sum(means) / n_way
    pool_centre = sum(pool) / len(pool)
    distance = pool_centre - centre
    apart = [mean - centre for mean in means]
    size = np.mean([a @ a for a in apart])
    gram = np.array([[a @ b for b in apart] for a in apart]) + 1e-3 * size * np.eye(n_way)
    weights = np.linalg.inv(gram) @ [a @ distance for a in apart]
    along = sum(weight * a for weight, a in zip(weights, apart, strict=True))
    shares = [max(0, weight + 1 / n_way) for weight in weights]
    shares = [share / sum(shares) for share in shares]
    variance = sum((u - pool_centre) @ (u - pool_centre) for u in pool) / (len(pool) - 1)
    within = n_way * variance
    for c in range(n_way):
        within += sum((x - means[c]) @ (x - means[c]) for x in shots[c])
    within /= n_way * (n_shot - 1) + n_way
    expected = sum(within * share**2 / n_shot for share in shares) + variance / len(pool)
    across = distance - along
    squares = [((u - pool_centre) @ across) ** 2 for u in pool]
    spread = sum(squares) / len(pool) / (across @ across) ** 2
    return across, along, across @ across / expected, spread


@pytest.mark.parametrize("n_shot", [1, 4])
@pytest.mark.parametrize("shares", [(5, 5, 5, 5, 5), (20, 9, 0, 0, 1)])
def test_shift__is_that_of_loops(shares, n_shot):
    support, *_ = drawn(shares, offset=0.6, n_shot=n_shot)

    shift = domain_shift(support)

    across, along, ratio, spread = by_loops(support)
    assert shift.across_TD[0].numpy() == pytest.approx(across)
    assert shift.along_TD[0].numpy() == pytest.approx(along)
    assert float(shift.ratio_T) == pytest.approx(ratio)
    assert float(shift.spread_T) == pytest.approx(spread)


@pytest.mark.parametrize("ratio", [0.7, 1.2, 3.0])
@pytest.mark.parametrize("evenness", [0.9, 0.99])
@pytest.mark.parametrize("spread", [0.05, 0.15, 0.5])
def test_strength__is_that_of_its_formula(ratio, evenness, spread):
    distance = torch.ones(1, 2)
    shift = DomainShift(distance, distance, *map(torch.tensor, ([ratio], [evenness], [spread])))

    def sigmoid(x):
        return 1 / (1 + math.exp(-x))

    other = sigmoid(10 * math.log(ratio / 1.6)) * sigmoid(math.log(0.25 / spread) / 0.15)
    usual = sigmoid(10 * math.log(0.95 / ratio)), sigmoid(math.log(0.1 / spread) / 0.15)
    even = sigmoid((evenness - 0.97) / 0.005) * max(usual)
    assert float(shift.probability_T) == pytest.approx(other, rel=1e-4)
    assert float(shift.strength_T) == pytest.approx(other + (1 - other) * even, rel=1e-4)


@pytest.mark.parametrize("n_shot", [4, 12])
def test_probability__strangers_in_half_of_the_pool__are_no_other_domain(n_shot):
    for seed in range(10):
        support, *_ = drawn((10,) * 5, 0.0, n_shot, seed)
        strangers = drawn((50, 0, 0, 0, 0), 1.5, n_shot, seed + 100)[0].pool_TUD[0]
        mixed = support.with_pool(torch.cat([support.pool_TUD[0], strangers]))
        all_shifted = drawn((20,) * 5, 1.0, n_shot, seed)[0]

        of_mixed, of_shifted = domain_shift(mixed), domain_shift(all_shifted)
        assert float(of_mixed.ratio_T) > 1.6
        assert float(of_mixed.probability_T) < 0.05
        assert float(of_shifted.probability_T) > 0.95


def test_move__to_a_shifted_pool__brings_the_centres_together_and_keeps_lengths():
    support, *_ = drawn((20,) * 5, offset=1.0)

    moved = Generator().in_domain_of_pool(support)

    centre = support.pool_TUD[0].mean(0)
    before, after = ((one.means_TND[0].mean(0) - centre).norm() for one in (support, moved))
    assert after < 0.5 * before
    for part in torch.split(moved.support_TNKD, BLOCKS, -1):
        torch.testing.assert_close(part.norm(dim=-1), torch.full((1, 5, 4), 0.5**0.5).double())


@pytest.mark.parametrize("n_shot", [1, 4, 16])
def test_pool__of_another_domain__makes_the_closed_form_right(n_shot):
    gains = []
    for seed in range(8):
        support, queries, labels = drawn((20,) * 5, 1.5, n_shot, seed)
        generator = Generator().double()
        correct = [
            (classify(queries, generator.predict(one))[0].argmax(-1) == labels).double().mean()
            for one in (support.with_pool(None), support)
        ]
        gains.append(float(correct[1] - correct[0]))

    assert np.mean(gains) > 0.05
    assert min(gains) > -0.05
