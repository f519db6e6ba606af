from __future__ import annotations

import pytest
import torch
from torch import nn

from metaadapter.adapter.support import Support
from metaadapter.generator.generator import Generator, GeneratorConfig
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
    """A generator all of whose outputs are at work, as after training."""
    config = GeneratorConfig(width=32, n_layers=2, n_heads=2, bottleneck=3)
    generator = Generator(config)
    draw = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for module in generator.modules():
            if isinstance(module, nn.Linear):
                module.weight.normal_(0, 0.3 / module.in_features**0.5, generator=draw)
                module.bias.normal_(0, 0.1, generator=draw)
    return generator.double().eval()
