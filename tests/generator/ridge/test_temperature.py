"""The likelihood of temperatures: on part of the grid, and by a loop over pictures."""

from __future__ import annotations

import pytest
import torch

from metaadapter.generator.ridge import temperature
from metaadapter.generator.ridge.temperature import log_likelihood, posterior_scale


def draw(n_pictures, n_way, seed, gap):
    random = torch.Generator().manual_seed(seed)
    own = torch.randint(n_way, (1, n_pictures), generator=random)
    scores = torch.randn(1, n_pictures, n_way, generator=random, dtype=torch.float64) / 4
    scores.scatter_add_(-1, own[..., None], torch.full((1, n_pictures, 1), gap).double())
    return scores, own, torch.rand(1, n_pictures, generator=random, dtype=torch.float64)


def test_log_likelihood__in_chunks_with_a_class_masked_out__is_that_of_a_loop(monkeypatch):
    monkeypatch.setattr("metaadapter.generator.ridge.temperature.NUMBERS_AT_ONCE", 12)
    scores, own, weight = draw(7, 5, 0, 0.5)
    scores[..., 4], own, weight[0, 3] = -torch.inf, own.clamp(max=3), 0.0
    scales = torch.tensor([[0.5, 20.0, 3000.0]], dtype=torch.float64)

    result = log_likelihood(scores, own, weight, scales)

    for scale, value in zip(scales[0], result[0], strict=True):
        log_p = [weight[0, m] * (scale * scores[0, m]).log_softmax(0)[own[0, m]] for m in range(7)]
        assert float(value) == pytest.approx(float(sum(log_p)))


@pytest.mark.parametrize("gap", [-0.3, 0.0, 0.2, 3.0])
@pytest.mark.parametrize("n_pictures", [1, 30, 1000])
def test_grid__in_part__gives_the_temperature_of_all_of_it(monkeypatch, n_pictures, gap):
    scores, own, weight = draw(n_pictures, 6, n_pictures, gap)
    base, computed = torch.tensor([9.0]).double(), []

    def likelihood(steps):
        computed.append(len(steps))
        return log_likelihood(scores, own, weight, base[:, None] * steps.exp())

    scale = posterior_scale(likelihood, base, is_large=True)

    n_computed = sum(computed)
    monkeypatch.setattr(temperature, "likelihood_on_grid", lambda function, steps: function(steps))
    expected = posterior_scale(likelihood, base, is_large=True)
    torch.testing.assert_close(scale, expected, rtol=1e-12, atol=0)
    assert n_computed <= 73
    if n_pictures == 1000 and gap < 1:
        assert n_computed < 73 / 2
