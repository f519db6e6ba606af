from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, kl_div, normalize

from metaadapter._compat import import_higher
from metaadapter.adapter import AdapterWeights, Support, classify
from metaadapter.adapter.consistency import text_alone, visual_alone, zero_shot
from metaadapter.classifier import gradient_steps as gradient_steps_module
from metaadapter.classifier.gradient_steps import gradient_steps, with_mlp
from metaadapter.classifier.support_loss import Consistency, support_loss

LR, ANCHOR, N_STEPS = 0.05, 0.7, 4
# higher adds it before it corrects the bias of the second moment, torch after.
EPSILON = 1e-30
MOVED = {
    "classes": ("classes", "class_bias"),
    "bottleneck": ("down", "bias", "up"),
    "both": ("classes", "class_bias", "down", "bias", "up"),
}
EXACT = {"rtol": 1e-9, "atol": 1e-11}


class Learner(nn.Module):
    """The offsets of one task as parameters, for higher."""

    def __init__(self, start, names):
        super().__init__()
        self.start, self.names = start, names
        self.units = {name: getattr(start, name).square().mean().sqrt() for name in names}
        self.offsets = nn.ParameterDict(
            {name: torch.zeros_like(getattr(start, name)) for name in names}
        )

    def weights(self):
        moved = {
            name: getattr(self.start, name) + self.units[name] * self.offsets[name]
            for name in self.names
        }
        return replace(self.start, **moved)

    def forward(self, features=None):
        # Only inside forward does higher put its parameters in the place of the module's.
        weights = self.weights()
        return weights if features is None else classify(features, weights)


def by_higher(start, loss_of, names):
    """The adapter of one task after the steps down `loss_of` its learner, unrolled by higher."""
    learner = Learner(start, names)
    optimizer = torch.optim.Adam(learner.parameters(), lr=LR, eps=EPSILON)
    with import_higher().innerloop_ctx(learner, optimizer) as (functional, steps):
        for _ in range(N_STEPS):
            held = sum(offset.square().mean() for offset in functional.parameters())
            steps.step(loss_of(functional) + ANCHOR * held)
        return functional()


def labels_of(support):
    """The class of each row, class by class."""
    return torch.arange(len(support)).repeat_interleave(support[0, ..., 0].numel())


def steps(start, task, moves, consistency=None):
    anchor = torch.full((len(task.support),), ANCHOR, dtype=torch.float64)
    every = gradient_steps(
        start,
        task.support,
        task.mask,
        moves=moves,
        lr=LR,
        anchor_T=anchor,
        consistency=consistency,
    )
    return list(islice(every, N_STEPS))[-1]


def torch_divergence(left, right):
    """Mean of both directions, by torch's own function."""
    log_p, log_q = left.log_softmax(-1), right.log_softmax(-1)
    there = kl_div(log_q, log_p, reduction="batchmean", log_target=True)
    return (there + kl_div(log_p, log_q, reduction="batchmean", log_target=True)) / 2


@pytest.mark.parametrize("moves", MOVED)
def test_gradient_steps__are_those_of_higher(shipped, make_tasks, moves, monkeypatch):
    monkeypatch.setattr(gradient_steps_module, "EPSILON", EPSILON)
    task = make_tasks(2, 4, 3)
    start = shipped.predict(Support.of_tasks(*task.fields()))

    after = steps(start, task, moves)

    for number, support in enumerate(task.support):

        def loss_of(learner, support=support):
            return cross_entropy(learner(support.flatten(0, 1)), labels_of(support))

        expected = by_higher(start.task(number), loss_of, MOVED[moves])
        for name, tensor in after.task(number).tensors().items():
            torch.testing.assert_close(tensor, getattr(expected, name).detach(), **EXACT)
    changed = [
        name
        for name, tensor in after.tensors().items()
        if not torch.equal(tensor, getattr(start, name))
    ]
    assert set(changed) == set(MOVED[moves])


@pytest.mark.parametrize("moves", ["classes", "both"])
def test_gradient_steps__consistency_terms__are_those_of_higher(
    shipped, make_tasks, moves, monkeypatch
):
    monkeypatch.setattr(gradient_steps_module, "EPSILON", EPSILON)
    task = make_tasks(2, 4, 3)
    draw = torch.Generator().manual_seed(1)
    views = task.support[..., None, :] + 0.1 * torch.randn(
        2, 4, 3, 5, 24, generator=draw, dtype=torch.float64
    )
    views = normalize(views, dim=-1)
    unadapted = zero_shot(task.text, task.classes, 20.0)
    start = shipped.predict(Support.of_tasks(*task.fields()))

    after = steps(start, task, moves, Consistency(views, 0.4, unadapted, 0.3))

    for number, support in enumerate(task.support):
        one_unadapted, its_views = unadapted.task(number), views[number]

        def loss_of(learner, support=support, unadapted=one_unadapted, views=its_views):
            rows, seen = support.flatten(0, 1), learner(views.flatten(0, 2))
            whole = learner(rows)[:, None].expand(-1, 5, -1).flatten(0, 1)
            weights = learner()
            text = classify(rows, text_alone(weights))
            visual = classify(rows, visual_alone(weights, unadapted))
            return (
                cross_entropy(seen, labels_of(views))
                + 0.4 * torch_divergence(seen, whole)
                + 0.3 * torch_divergence(text, visual)
            )

        expected = by_higher(start.task(number), loss_of, MOVED[moves])
        for name, tensor in after.task(number).tensors().items():
            torch.testing.assert_close(tensor, getattr(expected, name).detach(), **EXACT)


@pytest.mark.parametrize("moves", ["classes", "both"])
def test_gradient_steps__padded_batch__is_each_task_alone(shipped, make_tasks, moves):
    small, large = make_tasks(1, 3, 2, seed=1), make_tasks(1, 5, 4, seed=2)
    batch = make_tasks(2, 5, 4, seed=3)
    batch.mask[0], batch.classes[0] = False, False
    batch.mask[0, :3, :2], batch.classes[0, :3] = True, True
    batch.support[0, :3, :2], batch.text[0, :3] = small.support[0], small.text[0]
    batch.support[1], batch.text[1] = large.support[0], large.text[0]
    query = normalize(torch.randn(2, 6, 24, dtype=torch.float64), dim=-1)

    together = classify(
        query, steps(shipped.predict(Support.of_tasks(*batch.fields())), batch, moves)
    )

    for number, task in enumerate((small, large)):
        alone = steps(shipped.predict(Support.of_tasks(*task.fields())), task, moves)
        n_way = task.text.shape[1]
        # A bottleneck's rows are combinations of all classes, so its unit is not padded either.
        torch.testing.assert_close(
            together[number, :, :n_way],
            classify(query[number : number + 1], alone)[0],
            rtol=1e-6,
            atol=1e-6,
        )


def test_gradient_steps__lower_the_loss_and_the_anchor_holds(shipped, make_tasks):
    task = make_tasks(3, 4, 5)
    start = shipped.predict(Support.of_tasks(*task.fields()))
    before = support_loss(start, task.support, task.mask)

    free, held = (
        list(
            islice(
                gradient_steps(
                    start,
                    task.support,
                    task.mask,
                    moves="classes",
                    lr=LR,
                    anchor_T=torch.full((3,), anchor, dtype=torch.float64),
                ),
                60,
            )
        )[-1]
        for anchor in (0.0, 100.0)
    )

    assert (support_loss(free, task.support, task.mask) < before).all()
    far, near = ((each.classes - start.classes).norm() for each in (free, held))
    assert near < far / 10


def test_gradient_steps__a_task_without_pictures__stays(shipped, make_tasks):
    task = make_tasks(2, 3, 2)
    task.mask[1] = False
    start = shipped.predict(Support.of_tasks(*task.fields(), logit_scale=20.0))

    after = steps(start, task, "both")

    for name, tensor in after.tensors().items():
        assert torch.equal(tensor[1], getattr(start, name)[1])


def test_gradient_steps__bottleneck_that_is_not_there__is_refused(make_tasks):
    task = make_tasks(1, 3, 2)
    start = AdapterWeights.zero_shot(task.text, 20.0)

    with pytest.raises(ValueError, match="needs an adapter with a bottleneck"):
        steps(start, task, "bottleneck")


def test_with_mlp__is_the_same_function_until_it_is_moved(shipped, make_tasks):
    task = make_tasks(2, 4, 3)
    start = shipped.predict(Support.of_tasks(*task.fields()))
    query = normalize(torch.randn(2, 7, 24, dtype=torch.float64), dim=-1)

    wider = with_mlp(start)

    assert wider.down.shape[1] == start.down.shape[1] + 24 // 4
    torch.testing.assert_close(classify(query, wider), classify(query, start), rtol=0, atol=1e-12)
    moved = steps(wider, task, "mlp")
    assert moved.up[:, :, -6:].abs().max() > 0
