"""The closed forms against a gradient descent, an explicit inverse and the other solver."""

from __future__ import annotations

import math

import pytest
import torch

from metaadapter.generator.regression import (
    kernel_ridge,
    left_out_residuals,
    ridge_towards_prior,
    squared_distances,
)


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


def test_kernel_ridge__explicit_inverse_with_a_loop__agrees():
    draw = torch.Generator().manual_seed(5)
    rows = torch.randn(2, 7, 4, generator=draw, dtype=torch.float64)
    residual = torch.randn(2, 7, 3, generator=draw, dtype=torch.float64)
    noise = 0.1 + torch.rand(2, 7, generator=draw, dtype=torch.float64)
    present = torch.ones(2, 7, dtype=torch.bool)
    present[1, [1, 4]] = False
    sharpness = torch.tensor([0.4, 2.0], dtype=torch.float64)

    values, _ = kernel_ridge(squared_distances(rows), present, residual, noise, sharpness)

    for t in range(2):
        there = [m for m in range(7) if present[t, m]]
        beta = float(sharpness[t])
        system = torch.diag(noise[t, there])
        for i, m in enumerate(there):
            for j, other in enumerate(there):
                square = float((rows[t, m] - rows[t, other]).square().sum())
                system[i, j] += math.exp(-beta * square / 2) / beta
        expected = torch.linalg.inv(system) @ residual[t, there]
        torch.testing.assert_close(values[t, there], expected)
        assert not values[t, ~present[t]].any()


def test_kernel_ridge__blunter_and_blunter__becomes_the_linear_ridge():
    draw = torch.Generator().manual_seed(6)
    rows = torch.randn(1, 6, 4, generator=draw, dtype=torch.float64)
    rows = rows - rows.mean(1, keepdim=True)
    targets = torch.randn(1, 6, 3, generator=draw, dtype=torch.float64)
    targets = targets - targets.mean(1, keepdim=True)
    noise = torch.full((1, 6), 0.7, dtype=torch.float64)
    query = torch.randn(5, 4, generator=draw, dtype=torch.float64)
    beta = 1e-5

    values, _ = kernel_ridge(
        squared_distances(rows),
        torch.ones(1, 6, dtype=torch.bool),
        targets,
        noise,
        torch.tensor([beta]).double(),
    )

    kernel = (-beta * torch.cdist(query, rows[0]).square() / 2).exp() / beta
    vectors = ridge_towards_prior(rows, targets, noise, torch.zeros(1, 3, 4, dtype=torch.float64))
    answers, linear = kernel @ values[0], query @ vectors[0].T
    torch.testing.assert_close(
        answers - answers.mean(0), linear - linear.mean(0), rtol=0, atol=1e-3
    )


def test_left_out_residuals__refitted_without_each_row__agree():
    draw = torch.Generator().manual_seed(8)
    rows = torch.randn(1, 6, 4, generator=draw, dtype=torch.float64)
    residual = torch.randn(1, 6, 3, generator=draw, dtype=torch.float64)
    noise = 0.2 + torch.rand(1, 6, generator=draw, dtype=torch.float64)
    sharpness = torch.tensor([0.5], dtype=torch.float64)
    everything = torch.ones(1, 6, dtype=torch.bool)

    left = left_out_residuals(
        *kernel_ridge(squared_distances(rows), everything, residual, noise, sharpness)
    )

    for m in range(6):
        others = everything.clone()
        others[0, m] = False
        values, _ = kernel_ridge(squared_distances(rows), others, residual, noise, sharpness)
        square = (rows[0] - rows[0, m]).square().sum(-1)
        predicted = (-0.5 * 0.5 * square).exp() / 0.5 @ values[0]
        torch.testing.assert_close(left[0, m], residual[0, m] - predicted)
