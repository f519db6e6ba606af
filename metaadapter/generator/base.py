"""What a generator is: a network from a support to an adapter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import final

import torch
from torch import nn

from metaadapter.adapter import AdapterWeights, Support

__all__ = ["AdapterGenerator"]


class AdapterGenerator(nn.Module, ABC):
    """Support in, adapter out: one of these can take the place of the generator that ships.

    `MetaAdapterClassifier(generator=…)`, `evaluate`, the trainer and `load_generator` take any. One
    that can be named as FILE.py:CLASS is made without arguments.
    """

    @abstractmethod
    def forward(self, support: Support) -> AdapterWeights:
        """Adapters of T tasks, with a leading task axis, differentiable.

        A class that is not there must have a bias of −∞ (`Support.head` sees to it), and neither it
        nor a picture that is not there may change the rest.
        """

    @final
    def predict(self, support: Support) -> AdapterWeights:
        """`forward` without gradients."""
        with torch.no_grad():
            weights: AdapterWeights = self(support)
        return weights

    @final
    @property
    def device(self) -> torch.device:
        """Where the weights are; the CPU for a generator without any."""
        first = next(self.parameters(), None)
        return torch.device("cpu") if first is None else first.device
