"""Random support sets with classes that mean something."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.generator.canonical import CanonicalSupport, canonicalise
from metaadapter.generator.ridge.closed_form import ClosedForm
from metaadapter.generator.ridge.regression import Regression, regression


class RandomTasks:
    """Pictures and queries around a direction per class, texts near it, and which are there."""

    def __init__(
        self, n_tasks: int, n_way: int, n_shot: int, width: int = 24, seed: int = 0
    ) -> None:
        draw = torch.Generator().manual_seed(seed)

        def randn(*shape: int) -> Tensor:
            return torch.randn(n_tasks, *shape, width, generator=draw, dtype=torch.float64)

        directions = randn(n_way)
        self.text = normalize(directions + randn(n_way), dim=-1)
        self.pictures = normalize(directions[:, :, None] + 1.5 * randn(n_way, n_shot), dim=-1)
        self.query = normalize(directions + 1.5 * randn(n_way), dim=-1)
        self.mask = torch.ones(n_tasks, n_way, n_shot, dtype=torch.bool)
        self.classes = torch.ones(n_tasks, n_way, dtype=torch.bool)

    @property
    def support(self) -> Support:
        return self.with_scale(None)

    def with_scale(self, logit_scale: float | Tensor | None) -> Support:
        parts = self.pictures, self.text, self.mask, self.classes
        return Support.of_tasks(*parts, logit_scale=logit_scale)

    @property
    def canonical(self) -> CanonicalSupport:
        return canonicalise(self.support)

    @property
    def regression(self) -> Regression:
        return regression(self.canonical, ClosedForm())
