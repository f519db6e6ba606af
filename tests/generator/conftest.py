from __future__ import annotations

import pytest
import torch

from metaadapter.adapter.support import Support
from tests.random_networks import generator_at_work
from tests.random_tasks import RandomTasks


@pytest.fixture
def make_task():
    return RandomTasks


@pytest.fixture(scope="session")
def padded():
    """One support of tasks of any shapes, with rubbish where nothing is."""

    def pad(tasks, n_way, n_shot):
        rows = [(task, t) for task in tasks for t in range(len(task.text))]
        draw, width = torch.Generator().manual_seed(9), tasks[0].text.shape[-1]
        pictures = torch.randn(len(rows), n_way, n_shot, width, generator=draw).double()
        text = torch.randn(len(rows), n_way, width, generator=draw).double()
        mask = torch.zeros(pictures.shape[:3], dtype=torch.bool)
        for number, (task, t) in enumerate(rows):
            ways, shots = task.pictures.shape[1:3]
            pictures[number, :ways, :shots] = task.pictures[t]
            text[number, :ways], mask[number, :ways, :shots] = task.text[t], True
        return Support.of_tasks(pictures, text, mask, mask.any(-1))

    return pad


@pytest.fixture(scope="session")
def trained_like():
    return generator_at_work(width=32, n_layers=2).eval()
