from __future__ import annotations

import functools
from dataclasses import replace
from itertools import islice

import higher
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from metaadapter.adapter.weights import classify
from metaadapter.workflow import gradient_steps as gradient_steps_module
from metaadapter.workflow.gradient_steps import (
    MOVED,
    FineTune,
    gradient_steps,
    own_log_probability,
    support_objective,
)

LR, ANCHOR, N_STEPS, N_SHOT = 0.05, 2.1, 4, 3


# higher adds it before it corrects the bias of the second moment, torch after.
EPSILON = 1e-30


EXACT = {"rtol": 1e-9, "atol": 1e-11}


class Learner(nn.Module):
    """The offsets of one task as parameters, for higher."""

    def __init__(self, start):
        super().__init__()
        self.start = start
        self.units = {name: getattr(start, name).square().mean().sqrt() for name in MOVED}
        self.offsets = nn.ParameterDict(
            {name: torch.zeros_like(getattr(start, name)) for name in MOVED}
        )

    def weights(self):
        moved = {
            name: getattr(self.start, name) + self.units[name] * self.offsets[name]
            for name in MOVED
        }
        return replace(self.start, **moved)

    def forward(self, features=None):
        # Only inside forward does higher put its parameters in the place of the module's.
        weights = self.weights()
        return weights if features is None else classify(features, weights)


def by_higher(start, loss_of):
    """The adapter of one task after the steps down `loss_of` its learner, unrolled by higher."""
    learner = Learner(start)
    optimizer = torch.optim.Adam(learner.parameters(), lr=LR, eps=EPSILON)
    with higher.innerloop_ctx(learner, optimizer) as (functional, steps):
        for _ in range(N_STEPS):
            held = sum(offset.square().mean() for offset in functional.parameters())
            steps.step(loss_of(functional) + ANCHOR / N_SHOT * held)
        return functional()


def require_those_of_higher(start, after, loss_of):
    """Checks the adapters of two tasks, whose losses are `loss_of(number, learner)`."""
    for number in range(2):
        expected = by_higher(start.task(number), functools.partial(loss_of, number))
        for name, tensor in after.task(number).tensors().items():
            torch.testing.assert_close(tensor, getattr(expected, name).detach(), **EXACT)


def labels_of(support):
    """The class of each row, class by class."""
    return torch.arange(len(support)).repeat_interleave(support[0, ..., 0].numel())


def steps(start, support, *, anchor=ANCHOR, n_steps=N_STEPS):
    settings = FineTune(lr=LR, anchor=anchor)
    return list(islice(gradient_steps(start, support, settings), n_steps))[-1]


def test_gradient_steps__are_those_of_higher(shipped, make_tasks, monkeypatch):
    monkeypatch.setattr(gradient_steps_module, "EPSILON", EPSILON)
    task = make_tasks(2, 4, N_SHOT)
    start = shipped.predict(task.support)

    after = steps(start, task.support)

    def loss_of(number, learner):
        support = task.pictures[number]
        return cross_entropy(learner(support.flatten(0, 1)), labels_of(support))

    require_those_of_higher(start, after, loss_of)
    changed = [
        name
        for name, tensor in after.tensors().items()
        if not torch.equal(tensor, getattr(start, name))
    ]
    assert set(changed) == set(MOVED)


def test_gradient_steps__padded_batch__is_each_task_alone(shipped, make_tasks):
    small, large = make_tasks(1, 3, 2, seed=1), make_tasks(1, 5, 4, seed=2)
    batch = make_tasks(2, 5, 4, seed=3)
    batch.mask[0], batch.classes[0] = False, False
    batch.mask[0, :3, :2], batch.classes[0, :3] = True, True
    batch.pictures[0, :3, :2], batch.text[0, :3] = small.pictures[0], small.text[0]
    batch.pictures[1], batch.text[1] = large.pictures[0], large.text[0]
    query = normalize(torch.randn(2, 6, 24, dtype=torch.float64), dim=-1)

    together = classify(query, steps(shipped.predict(batch.support), batch.support))

    for number, task in enumerate((small, large)):
        alone = steps(shipped.predict(task.support), task.support)
        n_way = task.text.shape[1]
        torch.testing.assert_close(
            together[number, :, :n_way],
            classify(query[number : number + 1], alone)[0],
            rtol=1e-6,
            atol=1e-6,
        )


def test_gradient_steps__a_task_without_pictures__stays(shipped, make_tasks):
    task = make_tasks(2, 3, 2)
    task.mask[1] = False
    start = shipped.predict(task.with_scale(20.0))

    after = steps(start, task.support)

    for name, tensor in after.tensors().items():
        assert torch.equal(tensor[1], getattr(start, name)[1])


N_VIEWS = 3


def log_probabilities(x, weights):
    return classify(x[None], weights)[0].log_softmax(-1).tolist()


@pytest.fixture
def task(make_tasks):
    """Two tasks; the first lacks pictures and a class, the second the text of a class."""
    task = make_tasks(2, 4, 3)
    task.mask[0, 1, 2] = task.mask[0, 3] = False
    task.classes[0, 3] = False
    task.text[1, 2] = 0
    return task


def there(task, t):
    return task.mask[t].nonzero().tolist()


def test_own_log_probability__is_that_of_a_slow_loop(shipped, task):
    weights = shipped.predict(task.support)

    own = own_log_probability(weights, task.support)
    for t in range(2):
        expected = [
            log_probabilities(task.pictures[t, c, k], weights.task(t))[c] for c, k in there(task, t)
        ]
        assert own[t][task.mask[t]].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("stretch", [1.0, 1.1])
def test_support_objective__is_that_of_a_slow_loop(shipped, task, stretch):
    support = task.support
    start = shipped.predict(support)
    moved = replace(start, classes=stretch * start.classes)

    loss = support_objective(start, support)(moved)

    for t, weights in enumerate(map(moved.task, range(2))):
        seen = [log_probabilities(task.pictures[t, c, k], weights)[c] for c, k in there(task, t)]
        assert float(loss[t]) == pytest.approx(-sum(seen) / len(seen))


def test_support_objective__task_without_a_shot__is_0_with_a_gradient_of_0(shipped, task):
    task.mask[0] = False
    support = task.with_scale(20.0)
    start = shipped.predict(support)
    start.classes.requires_grad_()

    loss = support_objective(start, support)(start)
    (gradient,) = torch.autograd.grad(loss.sum(), [start.classes])

    assert float(loss[0].detach()) == 0
    assert not gradient[0].any()
    assert gradient[1].any()
    assert gradient.isfinite().all()
