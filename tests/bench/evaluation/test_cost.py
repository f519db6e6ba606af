from __future__ import annotations

import subprocess
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
    assert seen.count == 12


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell")
def test_peak_mib__memory_that_was_given_back__was_seen():
    before = reset_peak(CPU)
    torch.ones(64 * 2**18).sum()

    assert 48 < peak_mib(CPU, before) < 96


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell")
def test_peak_mib__program_started_by_a_large_one__has_only_its_own_memory():
    large = torch.ones(2**30, dtype=torch.uint8)
    code = (
        "import torch\n"
        "from metaadapter.bench.evaluation.cost import peak_mib\n"
        "print(peak_mib(torch.device('cpu'), 0.0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert 64 < float(done.stdout) < large.nbytes / 2**20


def test_peak_mib__where_the_system_does_not_tell__is_none():
    assert peak_mib(CPU, None) is None
