"""Random numbers for a batch of tasks: one for each task, or normal ones of any shape."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from episodes.draws import uniform, upload


@dataclass(frozen=True, slots=True)
class TaskDraw:
    """Draws (T, 1, 1) random numbers for T tasks, with the type and device of the texts."""

    generator: torch.Generator
    text_TND: Tensor

    def chosen(self, fraction: float) -> Tensor:
        """Return 1 for tasks with a change, drawn with this probability, and 0 for others."""
        return (self.uniform(1.0) < fraction).to(self.text_TND.dtype)

    def uniform(self, high: float) -> Tensor:
        """Return uniform numbers from 0 to `high`."""
        shape = (len(self.text_TND), 1, 1)
        drawn_T11 = high * uniform(shape, self.generator, self.text_TND.device)
        return drawn_T11.to(self.text_TND.dtype)

    def uniform_TN1(self) -> Tensor:
        """Return a number from 0 to 1 for each class."""
        return uniform((*self.text_TND.shape[:2], 1), self.generator, self.text_TND.device)

    def level(self, fraction: float, most: float) -> Tensor:
        """Return the strength of a change: up to `most` in tasks with the change, 0 in others."""
        return self.chosen(fraction) * self.uniform(most)

    def normal(self, *shape: int) -> Tensor:
        """Return standard normal numbers."""
        numbers = torch.randn(shape, generator=self.generator, device=self.generator.device)
        return upload(numbers, self.text_TND.device).to(self.text_TND.dtype)

    def normal_T1D(self) -> Tensor:
        """Return one random vector for each task."""
        return self.normal(len(self.text_TND), 1, self.text_TND.shape[-1])
