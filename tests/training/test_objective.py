from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import normalize

from episodes import EpisodeBatch, Episodes
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.training.loss_terms import LossWeights, query_loss, weighted_sum
from metaadapter.training.objective import objective
from tests.random_networks import generator_at_work

ALL = LossWeights(query=1.0, pool=1.0)


@pytest.fixture(scope="module")
def generator():
    return generator_at_work(width=16, n_layers=1, bottleneck=2)


@pytest.fixture
def episodes():
    """Three tasks of 4, 3 and 2 ways with masks of all kinds; what they leave out is no zero.

    The third task has no picture of another class and a class without a shot.
    """
    draw = torch.Generator().manual_seed(2)

    def rows(*shape):
        return normalize(torch.randn(3, *shape, 6, generator=draw, dtype=torch.float64), dim=-1)

    class_mask_TN = torch.arange(4) < torch.tensor([[4], [3], [2]])
    shots_TN = torch.tensor([[3, 1, 2, 3], [2, 2, 1, 0], [3, 0, 0, 0]])
    batch = EpisodeBatch(
        support_TNKD=rows(4, 3),
        support_mask_TNK=torch.arange(3) < shots_TN[..., None],
        query_TQD=rows(5),
        query_labels_TQ=torch.tensor([[0, 1, 2, 3, 3], [2, 1, 0, -1, -1], [1, -1, 0, -1, 0]]),
        text_TND=rows(4),
        class_mask_TN=class_mask_TN,
    )
    return Episodes(
        batch=batch,
        off_class_TOD=rows(3),
        off_class_mask_TO=torch.arange(3) < torch.tensor([[3], [1], [0]]),
        class_means_TND=rows(4),
        pool_TUD=rows(6),
        pool_mask_TU=torch.arange(6) < torch.tensor([[6], [4], [0]]),
        pool_labels_TU=torch.tensor([[0, 1, 2, 3, -1, 0], [2, 1, -1, 0, -1, -1], [-1] * 6]),
        logit_scale=20.0,
        source="birds",
    )


def alone(episodes, task):
    """The batch's task without any class or query that is padding."""
    batch = episodes.batch
    ways = batch.class_mask_TN[task].nonzero()[:, 0]
    queries = (batch.query_labels_TQ[task] >= 0).nonzero()[:, 0]

    def part(tensor, rows):
        return tensor[task, rows][None]

    return replace(
        episodes,
        batch=EpisodeBatch(
            support_TNKD=part(batch.support_TNKD, ways),
            support_mask_TNK=part(batch.support_mask_TNK, ways),
            query_TQD=part(batch.query_TQD, queries),
            query_labels_TQ=part(batch.query_labels_TQ, queries),
            text_TND=part(batch.text_TND, ways),
            class_mask_TN=part(batch.class_mask_TN, ways),
        ),
        off_class_TOD=part(episodes.off_class_TOD, episodes.off_class_mask_TO[task]),
        off_class_mask_TO=part(
            episodes.off_class_mask_TO, episodes.off_class_mask_TO[task].nonzero()[:, 0]
        ),
        class_means_TND=part(episodes.class_means_TND, ways),
        pool_TUD=episodes.pool_TUD[task, episodes.pool_mask_TU[task]][None],
        pool_mask_TU=episodes.pool_mask_TU[task, episodes.pool_mask_TU[task]][None],
        pool_labels_TU=episodes.pool_labels_TU[task, episodes.pool_mask_TU[task]][None],
    )


def softmax(logits):
    weights = [math.exp(logit - max(logits)) for logit in logits]
    return [weight / sum(weights) for weight in weights]


def loss(logits, labels, n_way):
    losses = [-math.log(softmax(row)[c]) for row, c in zip(logits, labels, strict=True)]
    return sum(losses) / len(losses) / math.log(n_way)


def slow_objective(generator, episodes):
    """Both terms, task by task without padding and number by number."""
    query, pool = [], []
    for task in range(len(episodes.batch.text_TND)):
        one = alone(episodes, task)
        batch, n_way = one.batch, one.batch.text_TND.shape[1]
        support = Support.of_tasks(
            batch.support_TNKD, batch.text_TND, batch.support_mask_TNK, logit_scale=20.0
        )
        bare, pooled = map(generator.predict, (support, support.with_pool(one.pool_TUD[0])))
        own = one.pool_labels_TU[0]
        relative = 0.0
        for features, labels in (
            (batch.query_TQD[0], batch.query_labels_TQ[0].tolist()),
            (one.pool_TUD[0, own >= 0], own[own >= 0].tolist()),
        ):
            if labels:
                before, after = (
                    loss(classify(features[None], adapters)[0].tolist(), labels, n_way)
                    for adapters in (bare, pooled)
                )
                relative += after / (before + 0.05)
        pool.append(relative / 2)
        logits = classify(batch.query_TQD, bare)[0].tolist()
        query.append(loss(logits, batch.query_labels_TQ[0].tolist(), n_way))
    return {"query": sum(query) / len(query), "pool": sum(pool) / len(pool)}


def test_objective__every_term__is_that_of_a_slow_loop_without_padding(generator, episodes):
    terms = objective(generator, episodes, ALL)

    expected = slow_objective(generator, episodes)
    assert list(terms) == list(expected)
    assert {name: float(term.detach()) for name, term in terms.items()} == pytest.approx(
        expected, rel=1e-9
    )
    assert min(expected.values()) > 1e-3  # each has something to say


def test_objective__gradient__is_finite_with_classes_masked_out(generator, episodes):
    terms = objective(generator, episodes, ALL)

    for name, term in terms.items():
        gradients = torch.autograd.grad(
            term, tuple(generator.parameters()), retain_graph=True, allow_unused=True
        )
        reached = [gradient for gradient in gradients if gradient is not None]
        assert all(gradient.isfinite().all() for gradient in reached), name
        assert any(gradient.any() for gradient in reached), name


@pytest.mark.parametrize(
    ("part", "own"),
    [("pool", {"pool": 1.0}), ("known", {"known": 1.0})],
)
def test_objective__terms_of_one_part_alone__teach_that_part_alone(generator, episodes, part, own):
    weights = LossWeights(query=0.0, **own)

    terms = objective(generator, episodes, weights)

    assert list(terms) == list(own)
    weighted_sum(terms, weights).backward()
    reached = {name for name, tensor in generator.named_parameters() if tensor.grad is not None}
    generator.zero_grad()
    names = (name for name, _ in getattr(generator, part).named_parameters())
    assert reached == {f"{part}.{name}" for name in names}


def test_query_loss__unequal_ways_and_queries__weigh_each_task_alike(episodes):
    logits_TQN = torch.zeros(3, 5, 4).masked_fill(~episodes.batch.class_mask_TN[:, None], -math.inf)
    assert float(query_loss(logits_TQN, episodes.batch)) == pytest.approx(1)  # knowing nothing
    logits_TQN[2, :, 0] = 1  # the task of two ways: two of its three queries are of class 0

    value = query_loss(logits_TQN, episodes.batch)

    correct, wrong = -math.log(math.e / (1 + math.e)), -math.log(1 / (1 + math.e))
    third = (2 * correct + wrong) / 3 / math.log(2)
    assert float(value) == pytest.approx((1 + 1 + third) / 3, rel=1e-6)


def test_objective__loss_of_one_s_own__sees_tasks_adapters_and_generator(generator, episodes):
    def size(tasks, adapters, network):
        assert tasks is episodes
        assert network is generator
        return adapters.classes.square().mean()

    terms = objective(generator, episodes, LossWeights(), own={"size": size})

    adapters = generator(Support.of_batch(episodes.batch, episodes.logit_scale))
    assert list(terms) == ["query", "size"]
    torch.testing.assert_close(terms["size"], adapters.classes.square().mean())
