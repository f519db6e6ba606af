"""The kernel ridge against an explicit inverse, a linear ridge and refits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from metaadapter.generator.kernel_ridge import (
    kernel_ridge,
    left_out_residuals,
    masked_ridge,
    squared_distances,
)

NOISE, UNKNOWN, SHARPNESS = 0.3, 1.2, 0.7


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


def test_kernel_ridge__gradients__are_those_through_the_factorisation():
    """The witness lets autograd differentiate the inverse of the whole matrix, task by task."""
    draw = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(shape, generator=draw, dtype=torch.float64)

    rows_TMD, present_TM = normal(3, 6, 4), torch.ones(3, 6, dtype=torch.bool)
    present_TM[1, 4:] = False
    distance_TMM = squared_distances(rows_TMD)
    inputs = normal(3, 6, 2), normal(3, 6).exp(), normal(3).exp()
    wanted_TMN = normal(3, 6, 2)

    def plain(residual_TMN, noise_TM, sharpness_T):
        kernel_TMM = (-0.5 * sharpness_T[:, None, None] * distance_TMM).exp()
        kernel_TMM = kernel_TMM / sharpness_T[:, None, None]
        parts = []
        for task in range(3):
            n = int(present_TM[task].sum())
            matrix_MM = kernel_TMM[task, :n, :n] + noise_TM[task, :n].diag()
            values_MN = matrix_MM.inverse() @ residual_TMN[task, :n]
            parts.append((values_MN * wanted_TMN[task, :n]).sum())
        return sum(parts)

    def ours(residual_TMN, noise_TM, sharpness_T):
        values_TMN, _ = kernel_ridge(distance_TMM, present_TM, residual_TMN, noise_TM, sharpness_T)
        return (values_TMN * wanted_TMN * present_TM[..., None]).sum()

    for part in inputs:
        part.requires_grad_()
    expected = torch.autograd.grad(plain(*inputs), inputs)
    got = torch.autograd.grad(ours(*inputs), inputs)
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.8, 1.0])
def test_values_and_left_out_residuals_are_those_of_each_class_alone(share: float) -> None:
    rng = np.random.default_rng(0)
    rows, wanted = rng.normal(size=(30, 5)), rng.normal(size=(30, 7))
    known = rng.random(wanted.shape) < share
    known[:, 6] = known[:, 5]
    distance = ((rows[:, None] - rows) ** 2).sum(-1)
    kernel = np.exp(-SHARPNESS * distance / 2) / SHARPNESS

    values, residual = masked_ridge(
        torch.from_numpy(distance),
        torch.from_numpy(wanted),
        torch.from_numpy(known),
        NOISE,
        UNKNOWN,
        torch.tensor(SHARPNESS, dtype=torch.float64),
    )

    for c in range(7):
        matrix = kernel + np.diag(np.where(known[:, c], NOISE, UNKNOWN))
        np.testing.assert_allclose(values[:, c], np.linalg.solve(matrix, wanted[:, c]), rtol=1e-9)
        for m in range(30):
            rest = np.arange(30) != m
            alone = np.linalg.solve(matrix[np.ix_(rest, rest)], wanted[rest, c])
            left_out = wanted[m, c] - kernel[m, rest] @ alone
            assert float(residual[m, c]) == pytest.approx(left_out, rel=1e-9, abs=1e-9)
