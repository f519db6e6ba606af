"""Kernel ridges of classes with labels that are not known, against one system for each class."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from metaadapter.generator.partial_ridge import partial_ridge

NOISE, UNKNOWN, SHARPNESS = 0.3, 1.2, 0.7


@pytest.mark.parametrize("share", [0.0, 0.2, 0.8, 1.0])
def test_values_and_left_out_residuals_are_those_of_each_class_alone(share: float) -> None:
    rng = np.random.default_rng(0)
    rows, wanted = rng.normal(size=(30, 5)), rng.normal(size=(30, 7))
    known = rng.random(wanted.shape) < share
    known[:, 6] = known[:, 5]
    distance = ((rows[:, None] - rows) ** 2).sum(-1)
    kernel = np.exp(-SHARPNESS * distance / 2) / SHARPNESS

    values, residual = partial_ridge(
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
