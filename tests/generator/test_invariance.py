"""Changes that must not change predictions, with all learned outputs active."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.generator.pretrained import load_generator

CLOSE = {"rtol": 1e-6, "atol": 1e-6}


@pytest.fixture(params=["untrained", "trained_like"])
def generator(request, trained_like):
    return (
        trained_like if request.param == "trained_like" else load_generator("closed-form").double()
    )


def logits(generator, task, support=None, query=None):
    weights = generator.predict(task.support if support is None else support)
    return classify(task.query if query is None else query, weights)


def test_trained_like__differs_from_the_closed_form(trained_like, make_task):
    task = make_task(1, 5, 3, 32)

    difference = logits(trained_like, task) - logits(load_generator("closed-form").double(), task)

    assert difference.abs().max() > 0.5


def rotation(seed):
    draw = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(48, 48, generator=draw, dtype=torch.float64)).Q


@pytest.mark.parametrize(
    ("seed", "matrix"),
    [*((seed, rotation(seed)) for seed in range(3)), (0, torch.eye(48, 128).double())],
    ids=["rotated", "rotated otherwise", "rotated again", "in a wider space"],
)
def test_features__rotated_or_in_a_wider_space__change_nothing(generator, make_task, seed, matrix):
    task = make_task(2, 5, 3, 48, seed)

    support = Support.of_tasks(task.pictures @ matrix, task.text @ matrix)
    moved = logits(generator, task, support, task.query @ matrix)

    torch.testing.assert_close(moved, logits(generator, task), **CLOSE)


def test_classes__permuted__permute_the_logits_and_shots_change_nothing(generator, make_task):
    task = make_task(2, 6, 4, 48)
    order, shots = torch.tensor([3, 0, 5, 1, 4, 2]), torch.tensor([2, 0, 3, 1])
    expected = logits(generator, task)

    classes = Support.of_tasks(task.pictures[:, order], task.text[:, order])
    pictures = Support.of_tasks(task.pictures[:, :, shots], task.text)

    torch.testing.assert_close(logits(generator, task, classes), expected[..., order], **CLOSE)
    torch.testing.assert_close(logits(generator, task, pictures), expected, **CLOSE)


def test_padding__shots_and_classes_that_are_not_there__change_nothing(
    generator, make_task, padded
):
    task = make_task(2, 5, 3, 48)

    result = logits(generator, task, padded([task], 8, 6))

    torch.testing.assert_close(result[..., :5], logits(generator, task), **CLOSE)
    assert torch.isneginf(result[..., 5:]).all()


def test_batch__of_unlike_tasks__equals_one_by_one(generator, make_task, padded):
    shapes = ((3, 1), (7, 2), (2, 5), (5, 4))
    tasks = [make_task(1, n_way, n_shot, 48, seed) for seed, (n_way, n_shot) in enumerate(shapes)]

    together = generator.predict(padded(tasks, 7, 5))

    for t, (task, (n_way, _)) in enumerate(zip(tasks, shapes, strict=True)):
        both = classify(task.query, together.map(lambda tensor, t=t: tensor[t : t + 1]))
        torch.testing.assert_close(both[..., :n_way], logits(generator, task), **CLOSE)


def test_cone__features_bent_into_clips_geometry__keep_the_answers(make_task):
    task = make_task(4, 20, 4, 256)
    draw = torch.Generator().manual_seed(2)
    first, second = normalize(torch.randn(2, 256, generator=draw, dtype=torch.float64), dim=1)
    second = 0.25 * first + (1 - 0.25**2) ** 0.5 * normalize(
        second - (second @ first) * first, dim=0
    )
    generator = load_generator("closed-form").double()

    bent = logits(
        generator,
        task,
        Support.of_tasks(
            normalize(0.8 * task.pictures + first, dim=-1),
            normalize(0.65 * task.text + second, dim=-1),
        ),
        normalize(0.8 * task.query + first, dim=-1),
    )

    same = bent.argmax(-1) == logits(generator, task).argmax(-1)
    assert same.float().mean() > 0.9
