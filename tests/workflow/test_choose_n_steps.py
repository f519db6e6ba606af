from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice

import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.weights import classify
from metaadapter.errors import UsageError
from metaadapter.workflow.choose_n_steps import CHECKED, fine_tune
from metaadapter.workflow.gradient_steps import FineTune, gradient_steps


@pytest.mark.parametrize(
    ("sizes", "has_pictures", "settings"),
    [
        ((2, 4, 3), True, FineTune(n_steps=0)),
        ((3, 5, 1), True, FineTune()),
        ((1, 4, 2), False, FineTune()),
        ((2, 4, 3), True, FineTune(lr=1e308)),
        ((2, 4, 3), True, FineTune(n_steps=3, lr=1e308)),
    ],
    ids=["no step", "one shot", "no picture", "chosen steps diverge", "given steps diverge"],
)
def test_fine_tune__without_a_step__is_the_prediction_exactly(
    shipped, make_tasks, sizes, has_pictures, settings
):
    task = make_tasks(*sizes)
    task.mask[:] = has_pictures
    support = task.support if has_pictures else task.with_scale(20.0)

    tuned = fine_tune(shipped, support, settings)

    assert tuned.n_steps_T.tolist() == [0] * sizes[0]
    for name, tensor in shipped.predict(support).tensors().items():
        assert torch.equal(getattr(tuned.weights, name), tensor)


def test_fine_tune__given_number_and_no_picture__takes_none(shipped, make_tasks):
    task = make_tasks(2, 4, 3)
    task.mask[0] = False

    tuned = fine_tune(shipped, task.with_scale(20.0), FineTune(n_steps=3))

    assert tuned.n_steps_T.tolist() == [0, 3]


def test_fine_tune__given_number__is_that_many_steps(shipped, make_tasks):
    task = make_tasks(2, 4, 3)

    tuned = fine_tune(shipped, task.support, FineTune(n_steps=7, anchor=0.6))

    start = shipped.predict(task.support)
    walk = gradient_steps(start, task.support, FineTune(anchor=0.6))
    expected = list(islice(walk, 7))[-1]
    assert tuned.n_steps_T.tolist() == [7, 7]
    torch.testing.assert_close(tuned.weights.classes, expected.classes, rtol=1e-12, atol=0)


def slow_choice(generator, task, settings):
    """Steps of one task by refitting without each fold, picture by picture."""
    n_way, n_shot = task.mask.shape[1:]
    n_folds = 4
    gains = {number: [] for number in CHECKED}
    for fold in range(n_folds):
        kept = task.mask.clone()
        left = []
        for c in range(n_way):
            there = [k for k in range(n_shot) if task.mask[0, c, k]]
            for rank, k in enumerate(there):
                if rank % n_folds == fold and len(there) > 1:
                    kept[0, c, k] = False
                    left.append((c, k))
        if not left:
            continue
        support = task.support.kept(kept)
        start = generator.predict(support)
        walk = gradient_steps(start, support, settings)
        path = dict(enumerate(islice(walk, max(CHECKED)), 1))

        def loss(weights, c, k):
            logits = classify(task.pictures[:, c, k][:, None], weights)[0, 0]
            return -float(logits.log_softmax(-1)[c])

        for number in CHECKED:
            gains[number] += [loss(start, c, k) - loss(path[number], c, k) for c, k in left]
    best = max(CHECKED, key=lambda number: sum(gains[number]))
    won = gains[best]
    mean = sum(won) / len(won)
    error = math.sqrt(sum((x - mean) ** 2 for x in won) / (len(won) - 1) / len(won))
    return best if mean > error else 0


@pytest.mark.slow
def test_fine_tune__steps__are_what_left_out_pictures_bear_out(shipped, make_tasks):
    settings = FineTune(anchor=0.1, lr=0.05)
    tasks = [make_tasks(1, 4, 5, seed=seed) for seed in range(6)]
    tasks[1].mask[0, 0, 2:] = tasks[1].mask[0, 1, 1:] = False

    results = [fine_tune(shipped, task.support, settings) for task in tasks]

    expected = [slow_choice(shipped, task, settings) for task in tasks]
    assert [int(tuned.n_steps_T) for tuned in results] == expected
    assert 0 < sum(steps > 0 for steps in expected) < len(tasks)


def with_pools(task, has_pool_T, n_pool=24):
    """The support with pools of other pictures, from elsewhere, for some of its tasks."""
    draw = torch.Generator().manual_seed(2)
    pool = torch.randn(len(has_pool_T), n_pool, 24, generator=draw, dtype=torch.float64) + 0.3
    mask_TU = torch.tensor(has_pool_T)[:, None].expand(-1, n_pool)
    return replace(task.support, pool_TUD=normalize(pool, dim=-1), pool_mask_TU=mask_TU)


def test_fine_tune__pool__keeps_the_prediction_where_the_same_task_without_one_is_refined(
    shipped, make_tasks
):
    task, settings = make_tasks(6, 4, 5), FineTune(anchor=0.1, lr=0.05)
    refined_T = fine_tune(shipped, task.support, settings).n_steps_T
    has_pool_T = [number % 2 == 0 for number in range(6)]
    support = with_pools(task, has_pool_T)

    tuned = fine_tune(shipped, support, settings)

    start = shipped.predict(support)
    for number, has_pool in enumerate(has_pool_T):
        expected = 0 if has_pool else int(refined_T[number])
        assert int(tuned.n_steps_T[number]) == expected
        kept = torch.equal(tuned.weights.classes[number], start.classes[number])
        assert kept == (expected == 0)
    assert refined_T[::2].any()
    assert refined_T[1::2].any()


def test_fine_tune__given_number_and_pool__learns_from_the_moved_pictures(shipped, make_tasks):
    support = with_pools(make_tasks(2, 4, 3), [True, True])

    tuned = fine_tune(shipped, support, FineTune(n_steps=4))

    moved = shipped.in_domain_of_pool(support)
    assert not torch.allclose(moved.support_TNKD, support.support_TNKD, atol=1e-3)
    walk = gradient_steps(shipped.predict(support), moved, FineTune())
    assert tuned.n_steps_T.tolist() == [4, 4]
    torch.testing.assert_close(tuned.weights.classes, list(islice(walk, 4))[-1].classes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_steps": -1}, "n_steps must be at least 0"),
        ({"lr": 0.0}, "lr must be above 0"),
        ({"anchor": -1.0}, "anchor at least 0"),
    ],
)
def test_fine_tune__settings_that_cannot_be__are_refused(change, message):
    with pytest.raises(UsageError, match=message):
        replace(FineTune(), **change)
