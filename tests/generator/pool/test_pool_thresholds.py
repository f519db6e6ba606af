"""The thresholds of known and of sets that are measured on a pool: against loops."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.known import FRACTIONS, known_logits
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.generator.domain_shift import domain_shift
from metaadapter.generator.generator import Generator

N_WAY, WIDTH, SCALE = 4, 32, 20.0


class Task:
    """One task whose pool and queries lie `offset` away from the labelled pictures."""

    def __init__(self, n_shot=4, shares=(10, 10, 10, 10), offset=0.0, noise=0.5, seed=0):
        self.draw = torch.Generator().manual_seed(seed)
        self.directions = self.randn(N_WAY, WIDTH)
        self.offset, self.noise = offset * self.randn(WIDTH), noise
        self.text = normalize(self.directions + self.randn(N_WAY, WIDTH), dim=-1)
        shots = self.directions[:, None] + 0.5 * self.randn(N_WAY, n_shot, WIDTH)
        self.shots = normalize(shots, dim=-1)
        self.pool, self.query = self.rows(shares), self.rows((50,) * N_WAY)

    def randn(self, *shape):
        return torch.randn(*shape, generator=self.draw, dtype=torch.float64)

    def rows(self, shares):
        chosen = torch.arange(N_WAY).repeat_interleave(torch.tensor(shares))
        noise = self.noise * self.randn(len(chosen), WIDTH)
        return normalize(self.directions[chosen] + self.offset + noise, dim=-1)

    @property
    def bare(self):
        return Support.of_tasks(self.shots[None], self.text[None], logit_scale=SCALE)

    @property
    def support(self):
        return self.bare.with_pool(self.pool)


@pytest.fixture
def closed_form():
    return Generator().double()


def weighted_quantile(values, weights, fraction):
    """The value at a fraction of the weight; half of a value's weight lies below the value."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    places, below = [], 0.0
    for index in order:
        places.append(below + weights[index] / 2)
        below += weights[index]
    scaled = [(place - places[0]) / (places[-1] - places[0]) for place in places]
    return float(np.interp(fraction, scaled, [values[index] for index in order]))


def by_loops(generator, task):
    """The quantiles of known and of the true class, one picture of the pool at a time."""
    shift = domain_shift(task.support)
    moved = shift.move(task.support, shift.strength_T)
    before = generator.predict(moved.with_pool(None)).task(0)
    weights = generator.predict(task.support).task(0)
    another = float(shift.probability_T)
    n_shot = task.shots.shape[1]
    to_pool = 1 - (1 - another) * (1 - 1 / n_shot)
    known = [float(known_logits(row[None], weights)) for row in task.pool]
    p = [classify(row[None], weights)[0].softmax(-1).numpy() for row in task.pool]
    shares = np.mean(p, 0)
    evenness = np.exp(-sum(share * np.log(share) for share in shares)) / N_WAY
    unit = float(before.known_quantiles[0] - before.known_quantiles[FRACTIONS.index(0.95)])
    margin = 0.1 + 0.6 * to_pool * np.sqrt(1 - evenness)
    values, own_weights = [], []
    for row in p:
        for share in row:
            values.append(np.log(max(share, 1e-9)))
            own_weights.append(share)
    quantiles = []
    for place, fraction in enumerate(FRACTIONS):
        of_normal = NormalDist(0.65, 0.45).inv_cdf(fraction)
        least = np.quantile(known, 0.75) - of_normal * unit
        of_known = max(np.quantile(known, 1 - fraction), least) - margin * unit
        of_own = weighted_quantile(values, own_weights, 1 - fraction)
        quantiles.append(
            [
                to_pool * of_pool + (1 - to_pool) * float(predicted[place])
                for of_pool, predicted in (
                    (of_known, before.known_quantiles),
                    (of_own, before.own_quantiles),
                )
            ]
        )
    return np.transpose(quantiles), another, evenness


@pytest.mark.parametrize(
    ("n_shot", "shares", "offset", "is_shifted"),
    [
        (1, (10, 10, 10, 10), 0.0, False),
        (4, (10, 10, 10, 10), 0.0, False),
        (4, (12, 10, 8, 10), 0.6, True),
        (2, (30, 10, 0, 0), 0.6, True),
    ],
)
def test_thresholds__are_those_of_loops_over_the_pool(
    closed_form, n_shot, shares, offset, is_shifted
):
    task = Task(n_shot, shares, offset)
    (known, own), another, evenness = by_loops(closed_form, task)

    weights = closed_form.predict(task.support).task(0)

    assert (another > 0.5) is is_shifted
    assert (evenness < 0.8) == (min(shares) == 0)
    np.testing.assert_allclose(weights.known_quantiles, known, rtol=1e-6)
    np.testing.assert_allclose(weights.own_quantiles, own, rtol=1e-6)
    threshold = 1 / (1 + np.exp(-known[FRACTIONS.index(0.95)]))
    assert float(weights.reject_threshold) == pytest.approx(threshold)


@pytest.mark.parametrize(("n_shot", "most_before"), [(1, 1.0), (4, 0.5)])
def test_thresholds__in_another_domain__keep_as_many_new_pictures_as_they_say(
    closed_form, n_shot, most_before
):
    kept = []
    for seed in range(10):
        task = Task(n_shot, (25,) * N_WAY, offset=0.6, noise=0.6, seed=seed)
        for support in (task.support, task.bare):
            weights = closed_form.predict(support)
            known = known_logits(task.query[None], weights).sigmoid()
            kept.append(float((known >= weights.reject_threshold).double().mean()))

    assert 0.88 <= np.mean(kept[::2]) <= 0.99
    assert np.mean(kept[1::2]) <= most_before


def test_thresholds__many_far_strangers_in_the_pool__still_reject_such_strangers(closed_form):
    task = Task(4, (25,) * N_WAY, offset=0.6)
    far = normalize(task.randn(140, WIDTH), dim=-1)
    task.pool = torch.cat([task.pool, far[:70]])

    weights = closed_form.predict(task.support)

    def kept(rows):
        known = known_logits(rows[None], weights).sigmoid()
        return float((known >= weights.reject_threshold).double().mean())

    assert kept(task.query) > 0.9
    assert kept(far[70:]) < 0.3
