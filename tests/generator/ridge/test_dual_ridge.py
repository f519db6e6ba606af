"""The dual ridge against an explicit inverse and refits."""

from __future__ import annotations

import pytest
import torch

from metaadapter.generator.ridge.dual_ridge import dual_ridge, left_out_residuals


@pytest.fixture
def drawn():
    """Rows, residuals and noise of two tasks of seven pictures."""
    draw = torch.Generator().manual_seed(5)
    rows = torch.randn(2, 7, 4, generator=draw, dtype=torch.float64)
    residual = torch.randn(2, 7, 3, generator=draw, dtype=torch.float64)
    return rows, residual, 0.1 + torch.rand(2, 7, generator=draw, dtype=torch.float64)


def test_dual_ridge__solved_in_the_feature_space__agrees(drawn):
    rows, residual, noise = drawn
    present = torch.ones(2, 7, dtype=torch.bool)
    present[1, [1, 4]] = False

    values, _ = dual_ridge(rows @ rows.mT, present, residual, noise)

    for t in range(2):
        precision, pull = torch.eye(4, dtype=rows.dtype), torch.zeros(4, 3, dtype=rows.dtype)
        for m in present[t].nonzero()[:, 0].tolist():
            precision += torch.outer(rows[t, m], rows[t, m]) / noise[t, m]
            pull += torch.outer(rows[t, m], residual[t, m]) / noise[t, m]
        vectors = torch.linalg.inv(precision) @ pull
        torch.testing.assert_close(rows[t].mT @ values[t], vectors)
        assert not values[t, ~present[t]].any()


def test_left_out_residuals__refitted_without_each_row__agree(drawn):
    rows, residual, noise = drawn
    gram, everything = rows @ rows.mT, torch.ones(2, 7, dtype=torch.bool)

    left = left_out_residuals(*dual_ridge(gram, everything, residual, noise))

    for m in range(7):
        others = everything.clone()
        others[:, m] = False
        values, _ = dual_ridge(gram, others, residual, noise)
        predicted = (gram[:, m, None] @ values)[:, 0]
        torch.testing.assert_close(left[:, m], residual[:, m] - predicted)


def test_dual_ridge__gradients__are_those_through_the_factorisation():
    """The witness lets autograd differentiate the inverse of the whole matrix, task by task."""
    draw = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(shape, generator=draw, dtype=torch.float64)

    rows_TMD, present_TM = normal(3, 6, 4), torch.ones(3, 6, dtype=torch.bool)
    present_TM[1, 4:] = False
    inputs = normal(3, 6, 2), normal(3, 6).exp(), rows_TMD @ rows_TMD.mT
    wanted_TMN = normal(3, 6, 2)

    def plain(residual_TMN, noise_TM, gram_TMM):
        parts = []
        for task in range(3):
            n = int(present_TM[task].sum())
            matrix_MM = gram_TMM[task, :n, :n] + noise_TM[task, :n].diag()
            values_MN = matrix_MM.inverse() @ residual_TMN[task, :n]
            parts.append((values_MN * wanted_TMN[task, :n]).sum())
        return sum(parts)

    def ours(residual_TMN, noise_TM, gram_TMM):
        values_TMN, _ = dual_ridge(gram_TMM, present_TM, residual_TMN, noise_TM)
        return (values_TMN * wanted_TMN * present_TM[..., None]).sum()

    for part in inputs:
        part.requires_grad_()
    expected = torch.autograd.grad(plain(*inputs), inputs)
    got = torch.autograd.grad(ours(*inputs), inputs)
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one, other)
