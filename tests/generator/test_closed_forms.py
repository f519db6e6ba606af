"""The closed forms against a gradient descent, an explicit inverse and the other solver."""

from __future__ import annotations

import pytest
import torch

from metaadapter.generator.closed_forms import gaussian_discriminant, ridge_towards_prior


def problem(n_shots, width, n_way=3, seed=0):
    draw = torch.Generator().manual_seed(seed)
    shots = torch.randn(1, n_shots, width, generator=draw, dtype=torch.float64)
    labels = torch.arange(n_shots) % n_way
    targets = torch.nn.functional.one_hot(labels, n_way).double()[None]
    noise = torch.rand(1, n_shots, generator=draw, dtype=torch.float64) + 0.5
    prior = torch.randn(1, n_way, width, generator=draw, dtype=torch.float64)
    return shots, targets, noise, prior


@pytest.mark.parametrize(("n_shots", "width"), [(5, 12), (30, 12)])
def test_ridge__gradient_of_its_objective__vanishes(n_shots, width):
    shots, targets, noise, prior = problem(n_shots, width)

    solution = ridge_towards_prior(shots, targets, noise, prior).requires_grad_()

    missed = (shots @ solution.mT - targets).square() / noise[..., None]
    objective = missed.sum() + (solution - prior).square().sum()
    (gradient,) = torch.autograd.grad(objective, solution)
    assert gradient.abs().max() < 1e-10


def test_ridge__dual_and_primal__agree():
    shots, targets, noise, prior = problem(10, 12)
    padding = torch.zeros(1, 20, 12, dtype=torch.float64)
    no_target = torch.zeros(1, 20, 3, dtype=torch.float64)

    dual = ridge_towards_prior(shots, targets, noise, prior)
    primal = ridge_towards_prior(
        torch.cat([shots, padding], 1),
        torch.cat([targets, no_target], 1),
        torch.cat([noise, torch.ones(1, 20, dtype=torch.float64)], 1),
        prior,
    )

    torch.testing.assert_close(dual, primal)


@pytest.mark.parametrize(("n_shot", "width"), [(2, 40), (9, 8)])
def test_discriminant__explicit_inverse__agrees(n_shot, width):
    draw = torch.Generator().manual_seed(3)
    shots = torch.randn(1, 4, n_shot, width, generator=draw, dtype=torch.float64)
    means = shots.mean(2)

    vectors, bias = gaussian_discriminant(shots, torch.ones(1, 4, n_shot, dtype=torch.bool), means)

    residuals = (shots - means[:, :, None]).reshape(-1, width)
    trace = float(residuals.square().sum()) / (4 * n_shot - 1)
    identity = torch.eye(width, dtype=torch.float64)
    precision = trace * torch.linalg.inv(residuals.T @ residuals + trace * identity)
    torch.testing.assert_close(vectors[0], means[0] @ precision)
    for c in range(4):
        torch.testing.assert_close(bias[0, c], -0.5 * means[0, c] @ precision @ means[0, c])


def test_discriminant__one_shot__is_the_prototypes():
    draw = torch.Generator().manual_seed(3)
    shots = torch.randn(1, 4, 1, 16, generator=draw, dtype=torch.float64)

    vectors, _ = gaussian_discriminant(shots, torch.ones(1, 4, 1, dtype=torch.bool), shots[:, :, 0])

    torch.testing.assert_close(vectors, shots[:, :, 0])
