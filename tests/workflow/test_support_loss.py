from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.weights import classify
from metaadapter.workflow.gradient_steps import (
    FineTune,
    own_log_probability,
    support_loss,
    support_objective,
)

N_VIEWS = 3


def log_probabilities(x, weights):
    return classify(x[None], weights)[0].log_softmax(-1).tolist()


def divergence(left, right):
    """Mean of both directions of KL, class by class, of those that are there."""
    both = [(a, b) for a, b in zip(left, right, strict=True) if a > -math.inf]
    return sum((math.exp(a) - math.exp(b)) * (a - b) for a, b in both) / 2


@pytest.fixture
def task(make_tasks):
    """Two tasks; the first lacks pictures and a class, the second the text of a class."""
    task = make_tasks(2, 4, 3)
    task.mask[0, 1, 2] = task.mask[0, 3] = False
    task.classes[0, 3] = False
    task.text[1, 2] = 0
    return task


@pytest.fixture
def views(task):
    draw = torch.Generator().manual_seed(1)
    noise = torch.randn(2, 4, 3, N_VIEWS, 24, generator=draw, dtype=torch.float64)
    return normalize(task.pictures[..., None, :] + 0.1 * noise, dim=-1)


def there(task, t):
    return task.mask[t].nonzero().tolist()


def test_support_loss__is_that_of_a_slow_loop(shipped, task):
    weights = shipped.predict(task.support)

    loss = support_loss(weights, task.support)

    own = own_log_probability(weights, task.support)
    for t in range(2):
        expected = [
            log_probabilities(task.pictures[t, c, k], weights.task(t))[c] for c, k in there(task, t)
        ]
        assert float(loss[t]) == pytest.approx(-sum(expected) / len(expected))
        assert own[t][task.mask[t]].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("stretch", [1.0, 1.1])
def test_support_objective__all_terms__are_those_of_a_slow_loop(shipped, task, views, stretch):
    start = shipped.predict(task.support)
    support = task.with_scale(20.0, views)
    moved = replace(start, classes=stretch * start.classes)

    loss = support_objective(start, support, FineTune(views=0.4, modalities=0.3))(moved)

    unadapted = support.zero_shot()
    for t, weights in enumerate(map(moved.task, range(2))):
        expected = 0.0
        for c, k in there(task, t):
            whole = log_probabilities(task.pictures[t, c, k], weights)
            for view in views[t, c, k]:
                seen = log_probabilities(view, weights)
                expected += (0.4 * divergence(seen, whole) - seen[c]) / N_VIEWS
            if t == 0:
                text = log_probabilities(task.pictures[t, c, k], weights.text_alone())
                alone = weights.visual_alone(unadapted.task(t))
                visual = log_probabilities(task.pictures[t, c, k], alone)
                expected += 0.3 * divergence(text, visual)
        assert float(loss[t]) == pytest.approx(expected / len(there(task, t)))


def test_support_objective__one_view_that_is_the_picture__changes_nothing(shipped, task):
    start = shipped.predict(task.support)
    same = task.with_scale(None, task.pictures[..., None, :])

    loss = support_objective(start, same, FineTune(views=5.0))(start)

    torch.testing.assert_close(loss, support_loss(start, task.support))


def test_support_objective__task_without_a_shot__is_0_with_a_gradient_of_0(shipped, task, views):
    task.mask[0] = False
    support = task.with_scale(20.0, views)
    start = shipped.predict(support)
    start.classes.requires_grad_()

    loss = support_objective(start, support, FineTune(views=0.4, modalities=0.3))(start)
    (gradient,) = torch.autograd.grad(loss.sum(), [start.classes])

    assert float(loss[0].detach()) == 0
    assert not gradient[0].any()
    assert gradient[1].any()
    assert gradient.isfinite().all()
