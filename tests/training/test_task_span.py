"""Losses of tasks in coordinates of their span are those in the encoder's own coordinates."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import partial

import pytest
import torch
from torch.nn.functional import normalize

from episodes import EpisodeBatch, Episodes
from metaadapter.training import objective as module
from metaadapter.training.inner_loop import adapt_steps
from metaadapter.training.loss_terms import LossWeights
from metaadapter.training.objective import objective
from tests.random_networks import generator_at_work

TERMS = ["query", "draws", "views", "modalities", "off_class", "known"]
ALL = LossWeights(**dict.fromkeys(TERMS, 1.0))
BLOCKS = 400, 300


@pytest.fixture(scope="module")
def generator():
    return generator_at_work(width=16, n_layers=1, bottleneck=2)


@pytest.fixture(params=[(), BLOCKS], ids=["one block", "two"])
def episodes(request):
    """Three wide tasks of 4, 3 and 2 ways with masks of all kinds; masked rows are no zeros.

    The first task has two equal pictures, the second a class without a text.
    """
    draw = torch.Generator().manual_seed(2)

    def rows(*shape):
        numbers = torch.randn(3, *shape, sum(BLOCKS), generator=draw, dtype=torch.float64)
        return normalize(numbers + 0.5, dim=-1)

    support_TNKD, text_TND = rows(4, 3), rows(4)
    support_TNKD[0, 0, 1] = support_TNKD[0, 0, 0]
    text_TND[1, 2] = 0.0
    shots_TN = torch.tensor([[3, 1, 2, 3], [2, 2, 1, 0], [3, 1, 0, 0]])
    twins_TN = torch.tensor([[2, 1, 2, 2], [0, 0, 0, 0], [1, 1, 0, 0]])
    batch = EpisodeBatch(
        support_TNKD=support_TNKD,
        support_mask_TNK=torch.arange(3) < shots_TN[..., None],
        query_TQD=rows(5),
        query_labels_TQ=torch.tensor([[0, 1, 2, 3, 3], [2, 1, 0, -1, -1], [1, -1, 0, -1, 0]]),
        text_TND=text_TND,
        class_mask_TN=torch.arange(4) < torch.tensor([[4], [3], [2]]),
    )
    return Episodes(
        batch=batch,
        twin_TNKD=rows(4, 2),
        twin_mask_TNK=torch.arange(2) < twins_TN[..., None],
        other_views_TNKD=rows(4, 3),
        has_views=True,
        off_class_TOD=rows(3),
        off_class_mask_TO=torch.arange(3) < torch.tensor([[3], [1], [1]]),
        class_means_TND=rows(4),
        pool_TUD=rows(0),
        pool_mask_TU=torch.zeros(3, 0, dtype=torch.bool),
        pool_labels_TU=torch.zeros(3, 0, dtype=torch.long),
        logit_scale=20.0,
        source="birds",
        blocks=request.param,
    )


def with_rows(episodes, change):
    """The tasks after a change of all their features."""

    def changed(part, **others):
        names = [field.name for field in fields(part) if field.name[-1] == "D"]
        return replace(part, **{name: change(getattr(part, name)) for name in names}, **others)

    return changed(episodes, batch=changed(episodes.batch))


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


def test_objective__in_float32__differs_by_rounding(generator, episodes, in_all_coordinates):
    single, tasks = (
        generator_at_work(width=16, n_layers=1, bottleneck=2).float(),
        with_rows(episodes, torch.Tensor.float),
    )

    terms, _ = terms_and_gradient(single, tasks)

    exact, _ = in_all_coordinates(generator, episodes)
    as_before, _ = in_all_coordinates(single, tasks)
    for name in TERMS:
        assert float(terms[name]) == pytest.approx(float(exact[name]), rel=2e-3), name
        assert float(as_before[name]) == pytest.approx(float(exact[name]), rel=2e-3), name
