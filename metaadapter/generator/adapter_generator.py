"""The interface of a generator: a network from a support to an adapter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, final

import torch
from torch import nn

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, require_adapters


class AdapterGenerator(nn.Module, ABC):
    """A network that predicts adapters from supports.

    `Generator` is the one that ships. `MetaAdapterClassifier(generator=…)`, `evaluate`, the trainer
    and `load_generator` take any other subclass, too; named as FILE.py:CLASS, it must take no
    arguments.
    """

    takes_float64: ClassVar[bool] = False
    """Whether `forward` takes supports in float64; if not, it gets the precision of its weights."""

    @abstractmethod
    def forward(self, support: Support) -> AdapterWeights:
        """Return the adapters of T tasks, with a leading task axis; differentiable.

        A masked-out class gets a bias of −∞, as `Support.head` does it. Neither such a class nor a
        masked-out picture may change anything else.
        """

    @final
    def predict(self, support: Support) -> AdapterWeights:
        """Return the adapters of T tasks, without gradients, in the precision of the support.

        Raises:
            UsageError: `forward` returns something other than the adapters of these tasks.
        """
        first, dtype = next(self.parameters(), None), support.text_TND.dtype
        if not (self.takes_float64 or first is None):
            support = support.to(dtype=first.dtype)
        with torch.no_grad():
            adapters = self(support)
        owner = f"generator {type(self).__name__}"
        return require_adapters(adapters, support.text_TND.shape, owner=owner).to(dtype=dtype)

    @final
    @property
    def device(self) -> torch.device:
        """The device of the weights; the CPU for a generator without any."""
        first = next(self.parameters(), None)
        return torch.device("cpu") if first is None else first.device
