"""The ridge of large tasks, against its objective and refits without each picture."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from metaadapter.generator import chunks
from metaadapter.generator.ridge.closed_form import ClosedForm
from metaadapter.generator.ridge.leave_one_out import fitted_own_T, leave_one_out
from metaadapter.generator.ridge.linear_ridge import left_out_scores, normal_equations
from metaadapter.generator.ridge.regression import regression

LARGE = ClosedForm(most_rows=4)


@pytest.fixture(params=[chunks.NUMBERS_AT_ONCE, 8], ids=["one chunk", "many chunks"])
def chunked(request, monkeypatch):
    monkeypatch.setattr(chunks, "NUMBERS_AT_ONCE", request.param)


@pytest.fixture
def uneven(make_task):
    """Seven classes of 1 to 5 pictures, one with a name alone, and one that is masked out."""
    task = make_task(1, 7, 5, 12)
    task.mask[0] = torch.arange(5) < torch.tensor([5, 1, 2, 4, 0, 3, 5])[:, None]
    task.classes[0, 6] = False
    return task


def test_linear_ridge__gradient_of_its_objective__vanishes(uneven):
    draw = torch.Generator().manual_seed(0)
    noise = torch.rand(1, 35, generator=draw, dtype=torch.float64) + 0.5
    prior = torch.randn(1, 7, 12, generator=draw, dtype=torch.float64)
    shots = uneven.support.shots_TNKD

    vectors = normal_equations(shots, noise).vectors_TND(prior).requires_grad_()

    missed = shots.flatten(1, 2) @ vectors.mT - uneven.support.targets_TMN
    objective = (missed.square() / noise[..., None]).sum() + (vectors - prior).square().sum()
    (gradient,) = torch.autograd.grad(objective, vectors)
    assert gradient.abs().max() < 1e-10


def refitted(problem):
    """For each picture, its scores by a ridge that is solved without the picture."""
    support, result = problem.support, {}
    noise, prior = problem.noise_TX()[0], problem.prior_TND()[0]
    rows, targets = support.shots_TNKD[0].flatten(0, 1), support.raw.targets_TMN[0]
    alone = support.raw.class_mask_TN[0] & ~support.image_mask_TN[0]
    for place in support.shot_mask_TNK[0].flatten().nonzero()[:, 0].tolist():
        kept = [row for row in range(len(rows)) if row != place]
        part, weight = rows[kept], 1 / noise[kept][:, None]
        gram = part.T @ (weight * part) + torch.eye(rows.shape[1], dtype=rows.dtype)
        change = torch.linalg.solve(gram, part.T @ (weight * (targets[kept] - part @ prior.T))).T
        change[alone] = change[alone].mean(0)
        result[place] = (prior + change) @ rows[place]
    return result


def mean_of_classes(scores, targets):
    """The mean over classes with pictures of the mean score of their pictures for the class."""
    means = [scores[targets[:, c] > 0, c].mean() for c in range(7) if targets[:, c].any()]
    return float(sum(means) / len(means))


def test_left_out_scores__refitted_without_each_picture__agree(uneven, chunked):
    problem = regression(uneven.canonical, LARGE)

    ridge = normal_equations(problem.support.shots_TNKD, problem.noise_TX())
    parts = list(left_out_scores(problem, ridge))

    scores = torch.cat([part.scores_TRN for part in parts], 1)[0]
    expected = refitted(problem)
    assert len(expected) == 15
    for place, row in expected.items():
        torch.testing.assert_close(scores[place, :6], row[:6], rtol=1e-9, atol=1e-9)


def test_left_out__of_a_large_task__is_summarised_from_all_chunks(uneven, chunked):
    problem = regression(uneven.canonical, LARGE)

    left_out = leave_one_out(problem)

    raw, expected = uneven.support, refitted(problem)
    steps = torch.linspace(-3.6, 3.6, 73, dtype=torch.float64)
    log_weights = -0.5 * (steps / 0.4) ** 2
    own = {place: place // 5 for place in expected if place // 5 != 1}  # class 1 has one picture
    shots = Counter(place // 5 for place in expected)
    usual_shots = len(shots) / sum(1 / number for number in shots.values())
    base = float(problem.base_scale_T[0])
    weakening = (1 - 1 / ((5 + 2 + 4 + 3) / 4)) ** 0.45
    for place, label in own.items():
        scores = expected[place][:6] * weakening * base
        log_p = (steps.exp()[:, None] * scores).log_softmax(-1)[:, label]
        log_weights += min(1, usual_shots / shots[label]) * log_p
    scale = base * float((log_weights.softmax(0) @ steps).exp())
    assert float(left_out.scale_T[0]) == pytest.approx(scale)
    assert left_out.counts_TR[0].nonzero()[:, 0].tolist() == sorted(own)
    for place, label in own.items():
        log_p = (scale * weakening * expected[place][:6]).log_softmax(0)
        assert float(left_out.own_log_p_TR[0, place]) == pytest.approx(float(log_p[label]))
        assert float(left_out.correct_TR[0, place]) == (log_p.argmax() == label)
        n_shot = int(raw.present_TNK[0, label].sum())
        assert float(left_out.weight_TR[0, place]) == pytest.approx(1 / n_shot)


def test_fitted_own__of_a_small_task__is_that_of_its_explicit_solution(uneven):
    problem = regression(uneven.canonical, ClosedForm())
    noise, targets = problem.take(problem.noise_TX())[0], problem.targets_TMN[0]
    gram = problem.rows_TMD[0] @ problem.rows_TMD[0].T

    scores = gram @ torch.linalg.solve(gram + noise.diag(), targets)

    assert float(fitted_own_T(problem, None)) == pytest.approx(mean_of_classes(scores, targets))
