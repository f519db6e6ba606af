"""Changes that must not change predictions, with all learned outputs active."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.known import known_logits
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.generator.pretrained import load_generator

CLOSE = {"rtol": 1e-6, "atol": 1e-6}
CLOSE_HEAD = {"rtol": 1e-5, "atol": 1e-5}
HEAD = ("known", "known_quantiles", "own_quantiles", "reject_threshold")


@pytest.fixture(params=["untrained", "trained_like"])
def generator(request, trained_like):
    return (
        trained_like if request.param == "trained_like" else load_generator("closed-form").double()
    )


def logits(generator, task):
    return classify(task.query, generator.predict(task.support))


def require_same(weights, query, expected, expected_query, *, ways=slice(None)):
    """Checks the logits of these ways, the probability of known and the head behind it."""
    logits = classify(expected_query, expected)
    torch.testing.assert_close(classify(query, weights)[..., ways], logits, **CLOSE)
    known, expected_known = known_logits(query, weights), known_logits(expected_query, expected)
    torch.testing.assert_close(known, expected_known, **CLOSE_HEAD)
    for name in HEAD:
        torch.testing.assert_close(getattr(weights, name), getattr(expected, name), **CLOSE_HEAD)


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

    moved = generator.predict(Support.of_tasks(task.pictures @ matrix, task.text @ matrix))

    require_same(moved, task.query @ matrix, generator.predict(task.support), task.query)


def test_classes__permuted__permute_the_logits_and_shots_change_nothing(generator, make_task):
    task = make_task(2, 6, 4, 48)
    order, shots = torch.tensor([3, 0, 5, 1, 4, 2]), torch.tensor([2, 0, 3, 1])
    expected = generator.predict(task.support)

    classes = generator.predict(Support.of_tasks(task.pictures[:, order], task.text[:, order]))
    pictures = generator.predict(Support.of_tasks(task.pictures[:, :, shots], task.text))

    require_same(classes, task.query, expected, task.query, ways=order.argsort())
    torch.testing.assert_close(classes.likeness, expected.likeness[:, order], **CLOSE_HEAD)
    require_same(pictures, task.query, expected, task.query)


def test_padding__shots_and_classes_that_are_not_there__change_nothing(
    generator, make_task, padded
):
    task = make_task(2, 5, 3, 48)

    weights = generator.predict(padded([task], 8, 6))

    expected = generator.predict(task.support)
    require_same(weights, task.query, expected, task.query, ways=slice(5))
    assert torch.isneginf(classify(task.query, weights)[..., 5:]).all()


def test_batch__of_unlike_tasks__equals_one_by_one(generator, make_task, padded):
    shapes = ((3, 1), (7, 2), (2, 5), (5, 4))
    tasks = [make_task(1, n_way, n_shot, 48, seed) for seed, (n_way, n_shot) in enumerate(shapes)]

    together = generator.predict(padded(tasks, 7, 5))

    for t, (task, (n_way, _)) in enumerate(zip(tasks, shapes, strict=True)):
        among, alone = together.task(t), generator.predict(task.support).task(0)
        require_same(among, task.query[0], alone, task.query[0], ways=slice(n_way))


def test_cone__features_bent_into_clips_geometry__keep_the_answers(make_task):
    task = make_task(4, 20, 4, 256)
    draw = torch.Generator().manual_seed(2)
    first, second = normalize(torch.randn(2, 256, generator=draw, dtype=torch.float64), dim=1)
    second = 0.25 * first + (1 - 0.25**2) ** 0.5 * normalize(
        second - (second @ first) * first, dim=0
    )
    generator = load_generator("closed-form").double()

    pictures = normalize(0.8 * task.pictures + first, dim=-1)
    support = Support.of_tasks(pictures, normalize(0.65 * task.text + second, dim=-1))
    bent = classify(normalize(0.8 * task.query + first, dim=-1), generator.predict(support))

    same = bent.argmax(-1) == logits(generator, task).argmax(-1)
    assert same.float().mean() > 0.9


def test_predict__pictures_of_one_class_alone__does_not_amplify_rounding():
    draw = torch.Generator().manual_seed(0)
    pictures, text, query = (
        normalize(torch.randn(1, n, 700, generator=draw, dtype=torch.float64), dim=-1)
        for n in (6, 2, 5)
    )
    mask = torch.tensor([[[True] * 3, [False] * 3]])
    generator = load_generator().double()

    def logits(pictures):
        shots = pictures.unflatten(1, (2, 3))
        return classify(query, generator(Support.of_tasks(shots, text, mask, logit_scale=20.0)))

    noise = 1e-13 * torch.randn(pictures.shape, generator=draw, dtype=torch.float64)
    torch.testing.assert_close(logits(pictures + noise), logits(pictures), rtol=0, atol=1e-9)
