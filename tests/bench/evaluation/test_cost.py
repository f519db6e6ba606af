from __future__ import annotations

import sys

import pytest
import torch

from metaadapter.bench.evaluation.cost import peak_mib, reset_peak

CPU = torch.device("cpu")


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell")
def test_peak_mib__memory_that_was_given_back__was_seen():
    before = reset_peak(CPU)
    torch.ones(64 * 2**18).sum()

    assert 48 < peak_mib(CPU, before) < 96
