from __future__ import annotations

from dataclasses import replace

import higher
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, pad

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.training.inner_loop import ANCHOR, adapt_steps

LR, N_STEPS = 0.3, 3


@pytest.fixture
def make_task(make_adapter):
    """Adapters of T tasks, their support and their queries."""

    def make(**sizes):
        weights, pictures, mask, query = make_adapter(**sizes)
        text = pictures.new_zeros(weights.classes.shape)
        return weights, Support.of_tasks(pictures, text, mask), query

    return make


def query_loss(weights, query):
    labels = torch.arange(query.shape[1]) % weights.n_way
    return cross_entropy(classify(query, weights).flatten(0, 1), labels.repeat(len(query)))


class Learner(nn.Module):
    """Class vectors and biases of one task as parameters, for higher."""

    def __init__(self, weights):
        super().__init__()
        self.weights = weights
        self.classes = nn.Parameter(weights.classes.clone())
        self.class_bias = nn.Parameter(weights.class_bias.clone())

    def forward(self, features):
        now = replace(self.weights, classes=self.classes, class_bias=self.class_bias)
        return classify(features, now)


def meta_gradient_by_higher(weights, support, query):
    """Query loss after the steps and its gradient in the start, of one task."""
    learner = Learner(weights)
    rows = support.flatten(0, 1)
    labels = torch.arange(len(support)).repeat_interleave(support.shape[1])
    optimizer = torch.optim.SGD(learner.parameters(), lr=LR)
    with higher.innerloop_ctx(learner, optimizer) as (functional, steps):
        start = list(functional.parameters(time=0))
        for _ in range(N_STEPS):
            now = list(functional.parameters())
            moved = [(a - b).square().sum() for a, b in zip(now, start, strict=True)]
            loss = cross_entropy(functional(rows), labels) + ANCHOR * sum(moved) / len(support)
            steps.step(loss)
        targets = torch.arange(len(query)) % len(support)
        outer = cross_entropy(functional(query), targets)
        return outer, torch.autograd.grad(outer, start)


def test_adapt_steps__second_order__has_the_loss_and_meta_gradient_of_higher(make_task):
    weights, support, query = make_task()
    classes = weights.classes.clone().requires_grad_()
    bias = weights.class_bias.clone().requires_grad_()
    start = replace(weights, classes=classes, class_bias=bias)

    adapted = adapt_steps(start, support, n_steps=N_STEPS, lr=LR, order="second")
    loss = query_loss(adapted, query)
    gradients = torch.autograd.grad(loss, (classes, bias))

    by_higher = [
        meta_gradient_by_higher(weights.task(task), support.support_TNKD[task], query[task])
        for task in (0, 1)
    ]
    torch.testing.assert_close(
        loss, sum(outer for outer, _ in by_higher) / 2, rtol=1e-10, atol=1e-10
    )
    for number, gradient in enumerate(gradients):
        expected = torch.stack([gradients[number] for _, gradients in by_higher]) / 2
        torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-10)


def test_adapt_steps__first_order__same_adapter_and_the_gradients_in_the_steps_are_constants(
    make_task,
):
    weights, support, query = make_task()
    classes = weights.classes.clone().requires_grad_()
    start = replace(weights, classes=classes)

    first = adapt_steps(start, support, n_steps=N_STEPS, lr=LR)
    second = adapt_steps(start, support, n_steps=N_STEPS, lr=LR, order="second")
    (gradient,) = torch.autograd.grad(query_loss(first, query), classes)

    torch.testing.assert_close(first.classes, second.classes)
    end = replace(first.map(torch.Tensor.detach), classes=first.classes.detach().requires_grad_())
    (at_the_end,) = torch.autograd.grad(query_loss(end, query), end.classes)
    torch.testing.assert_close(gradient, at_the_end)


@pytest.mark.parametrize("order", ["first", "second"])
def test_adapt_steps__padded_classes_and_shots__change_nothing(make_task, order):
    weights, support, _ = make_task(n_tasks=1)
    padded = replace(
        weights,
        classes=pad(weights.classes, (0, 0, 0, 1)),
        class_bias=pad(weights.class_bias, (0, 1), value=-torch.inf),
    )
    options = {"n_steps": 3, "lr": LR, "order": order}

    alone = adapt_steps(weights, support, **options)
    pictures = pad(support.support_TNKD, (0, 0, 0, 2, 0, 1))
    mask = pad(support.support_mask_TNK, (0, 2, 0, 1))
    text = pad(support.text_TND, (0, 0, 0, 1))
    among = adapt_steps(padded, Support.of_tasks(pictures, text, mask), **options)

    torch.testing.assert_close(among.classes[:, :3], alone.classes)
    torch.testing.assert_close(among.class_bias[:, :3], alone.class_bias)
    assert among.class_bias[0, 3] == -torch.inf
