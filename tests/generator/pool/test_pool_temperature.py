"""The temperature that follows the confidence on a pool: against a loop, and what it leaves."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import normalize

import metaadapter.generator.pool.pool as pool_module
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.generator.domain_shift import domain_shift
from metaadapter.generator.generator import Generator
from metaadapter.generator.pool.pool_network import PoolNetwork

N_WAY, WIDTH, SHORTENING = 4, 24, 0.5


class Task:
    """Tasks with a pool, `offset` away from the labelled pictures."""

    def __init__(self, n_shot, n_pool=40, offset=0.0):
        draw = torch.Generator().manual_seed(1)

        def randn(*shape):
            return torch.randn(*shape, generator=draw, dtype=torch.float64)

        directions = randn(N_WAY, WIDTH)
        chosen = torch.arange(n_pool) % N_WAY
        self.pool = directions[chosen] + offset * randn(WIDTH) + 2 * randn(n_pool, WIDTH)
        self.pool = normalize(self.pool, dim=-1)
        shots = directions[:, None] + randn(N_WAY, n_shot, WIDTH)
        text = normalize(directions + randn(N_WAY, WIDTH), dim=-1)
        self.support = Support.of_tasks(
            normalize(shots, dim=-1)[None], text[None], logit_scale=20.0
        ).with_pool(self.pool)


@pytest.fixture
def shortened(monkeypatch):
    """A generator whose network does nothing but shorten the class means."""
    untrained = PoolNetwork.final_corrections

    def final_corrections(network, scalars):
        corrections = untrained(network, scalars)
        return corrections._replace(reach_TN=corrections.reach_TN - SHORTENING)

    monkeypatch.setattr(PoolNetwork, "final_corrections", final_corrections)
    return Generator().double()


def logits_of_pool(generator, task):
    return classify(task.pool[None], generator.predict(task.support))[0]


@pytest.mark.parametrize(("n_shot", "offset"), [(1, 0.0), (2, 0.0), (2, 1.0)])
def test_logits__are_sharpened_by_the_confidence_on_the_pool(
    shortened, monkeypatch, n_shot, offset
):
    task = Task(n_shot, offset=offset)
    another = float(domain_shift(task.support).probability_T)

    result = logits_of_pool(shortened, task)

    monkeypatch.setattr(pool_module, "sharpened", lambda weights, *_: weights)
    before = logits_of_pool(shortened, task)
    largest = []
    for row in before.tolist():
        parts = [math.exp(logit - max(row)) for logit in row]
        largest.append(max(parts) / sum(parts))
    confidence = sum(largest) / len(largest)
    own = 1 / n_shot**2
    weight = own + (1 - own) * another / 4
    logit = math.log(confidence / (1 - confidence))
    # The evenness of this pool is so near 1 that its part in the exponent is 1 within 2 %.
    beyond = logit + 0.5 * math.log(N_WAY - 1) - 1.1
    exponent = 0.75 * SHORTENING * weight * beyond
    factor = float((result / before).median())
    assert (another > 0.5) is (offset > 0)
    assert math.log(factor) == pytest.approx(exponent, rel=0.03)
    torch.testing.assert_close(result, factor * before, rtol=1e-6, atol=1e-9)
