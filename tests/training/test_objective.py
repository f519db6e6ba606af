from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from episodes import EpisodeBatch
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.training.loss_terms import LossWeights, query_loss, weighted_sum
from metaadapter.training.objective import objective
from tests.random_networks import generator_at_work

TERMS = ["query", "draws", "off_class", "pool"]
ALL = LossWeights(**dict.fromkeys(TERMS, 1.0))


@pytest.fixture(scope="module")
def generator():
    return generator_at_work(width=16, n_layers=1)


@pytest.fixture
def episodes(make_episodes):
    return make_episodes(6)


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
        twin_TNKD=part(episodes.twin_TNKD, ways),
        twin_mask_TNK=part(episodes.twin_mask_TNK, ways),
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


def divergence(left, right):
    return sum(p * math.log(p / q) for p, q in zip(softmax(left), softmax(right), strict=True))


def slow_objective(generator, episodes):
    """Each term, task by task without padding and number by number."""
    query, pool, draws, off_class = [], [], [], []
    for task in range(len(episodes.batch.text_TND)):
        one = alone(episodes, task)
        batch, n_way = one.batch, one.batch.text_TND.shape[1]

        def predict(support, mask, batch=batch):
            return generator.predict(
                Support.of_tasks(support, batch.text_TND, mask, logit_scale=20.0)
            )

        def answers(weights, features=batch.query_TQD):
            return classify(features, weights)[0].tolist()

        predicted = predict(batch.support_TNKD, batch.support_mask_TNK)
        logits = answers(predicted)
        labels = batch.query_labels_TQ[0].tolist()
        query.append(loss(logits, labels, n_way))

        unadapted = AdapterWeights.zero_shot(batch.text_TND, 20.0)
        if one.twin_mask_TNK.any():
            twins = answers(predict(one.twin_TNKD, one.twin_mask_TNK))
            for a, b in zip(logits, twins, strict=True):
                draws.append((divergence(a, b) + divergence(b, a)) / 2)
        bare = Support.of_tasks(
            batch.support_TNKD, batch.text_TND, batch.support_mask_TNK, logit_scale=20.0
        )
        pooled = generator.predict(bare.with_pool(one.pool_TUD[0]))
        relative = loss(answers(pooled), labels, n_way) / (query[-1] + 0.05)
        own = one.pool_labels_TU[0].tolist()
        known = [u for u, way in enumerate(own) if way >= 0]
        if known:
            theirs = [own[u] for u in known]
            result, before = (
                loss(answers(adapters, one.pool_TUD[:, known]), theirs, n_way)
                for adapters in (pooled, predicted)
            )
            relative += result / (before + 0.05)
        pool.append(relative / 2)
        before, after = (answers(head, one.off_class_TOD) for head in (unadapted, predicted))
        off_class += [divergence(a, b) for a, b in zip(before, after, strict=True)]
    values = zip(TERMS, (query, draws, off_class, pool), strict=True)
    return {name: sum(of_term) / len(of_term) for name, of_term in values}


def test_objective__every_term__is_that_of_a_slow_loop_without_padding(generator, episodes):
    terms = objective(generator, episodes, ALL)

    expected = slow_objective(generator, episodes)
    assert list(terms) == TERMS
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


@pytest.mark.parametrize("part", ["pool", "known"])
def test_objective__term_of_one_part_alone__teaches_that_part_alone(generator, episodes, part):
    weights = LossWeights(query=0.0, **{part: 1.0})

    terms = objective(generator, episodes, weights)

    assert list(terms) == [part]
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
