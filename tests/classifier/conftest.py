from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter import Support
from metaadapter.generator import Generator, load_generator


@dataclass
class Tasks:
    """Pictures around a direction per class, texts near it, and which are there."""

    pictures: Tensor
    text: Tensor
    mask: Tensor
    classes: Tensor

    @property
    def support(self):
        return self.with_scale(None)

    def with_scale(self, logit_scale, views=None):
        return Support.of_tasks(
            self.pictures,
            self.text,
            self.mask,
            self.classes,
            logit_scale=logit_scale,
            views_TNKVD=views,
        )


@pytest.fixture
def make_tasks():
    def make(n_tasks, n_way, n_shot, width=24, seed=0):
        draw = torch.Generator().manual_seed(seed)

        def noise(*shape):
            return torch.randn(n_tasks, *shape, width, generator=draw, dtype=torch.float64)

        directions = noise(n_way)
        return Tasks(
            pictures=normalize(directions[:, :, None] + 1.2 * noise(n_way, n_shot), dim=-1),
            text=normalize(directions + noise(n_way), dim=-1),
            mask=torch.ones(n_tasks, n_way, n_shot, dtype=torch.bool),
            classes=torch.ones(n_tasks, n_way, dtype=torch.bool),
        )

    return make


@pytest.fixture(scope="session")
def shipped() -> Generator:
    return load_generator("default").double()
