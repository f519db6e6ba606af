from __future__ import annotations

import sys

import pytest
import torch

from metaadapter.bench.evaluation.cost import peak_mib, reset_peak, trained_numbers

CPU = torch.device("cpu")


def step(parameter):
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    parameter.sum().backward()
    optimizer.step()
    optimizer.step()


def test_trained_numbers__several_optimizers__are_those_of_the_one_that_moves_most():
    with trained_numbers() as seen:
        step(torch.ones(3, 4, requires_grad=True))
        step(torch.ones(5, requires_grad=True))

    step(torch.ones(100, requires_grad=True))
    assert max(seen) == 12


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell")
def test_peak_mib__memory_that_was_given_back__was_seen():
    before = reset_peak(CPU)
    torch.ones(64 * 2**18).sum()

    assert 48 < peak_mib(CPU, before) < 96
