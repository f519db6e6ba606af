"""Losses of tasks in coordinates of their span are those in the encoder's own coordinates."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from metaadapter.training import objective as module
from metaadapter.training.inner_loop import adapt_steps
from metaadapter.training.loss_terms import LossWeights
from metaadapter.training.objective import objective
from tests.random_networks import generator_at_work

TERMS = ["query", "draws", "off_class", "known"]
ALL = LossWeights(**dict.fromkeys(TERMS, 1.0))
BLOCKS = 400, 300


@pytest.fixture(scope="module")
def generator():
    return generator_at_work(width=16, n_layers=1)


@pytest.fixture(params=[(), BLOCKS], ids=["one block", "two"])
def episodes(request, make_episodes):
    """Wide tasks; the first has two equal pictures, the second a class without a text."""
    made = make_episodes(sum(BLOCKS), request.param)
    made.batch.support_TNKD[0, 0, 1] = made.batch.support_TNKD[0, 0, 0]
    made.batch.text_TND[1, 2] = 0.0
    return made


def terms_and_gradient(generator, episodes, adapt=None):
    generator.zero_grad()
    terms = objective(generator, episodes, ALL, adapt=adapt)
    torch.stack(list(terms.values())).sum().backward()
    gradients = {
        name: p.grad.clone() for name, p in generator.named_parameters() if p.grad is not None
    }
    return {name: term.detach() for name, term in terms.items()}, gradients


@pytest.fixture
def in_all_coordinates(monkeypatch):
    def computed(*arguments, **options):
        with monkeypatch.context() as patch:
            patch.setattr(module, "in_span", lambda episodes, **_: episodes)
            return terms_and_gradient(*arguments, **options)

    return computed


@pytest.mark.parametrize("n_steps", [0, 2])
def test_objective__in_the_span__has_the_losses_and_gradients_of_all_coordinates(
    generator, episodes, in_all_coordinates, n_steps
):
    adapt = partial(adapt_steps, n_steps=n_steps, lr=0.1) if n_steps else None

    terms, gradients = terms_and_gradient(generator, episodes, adapt=adapt)

    expected, expected_gradients = in_all_coordinates(generator, episodes, adapt=adapt)
    assert set(terms) == set(TERMS)
    assert min(expected.values()) > 1e-4  # each has something to say
    torch.testing.assert_close(terms, expected, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(gradients, expected_gradients, rtol=1e-5, atol=1e-7)
