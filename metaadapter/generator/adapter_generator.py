"""What a generator is: a network from a support to an adapter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, final

import torch
from torch import nn

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, require_adapters


class AdapterGenerator(nn.Module, ABC):
    """A network that predicts adapters from supports; a subclass can replace the one that ships.

    `MetaAdapterClassifier(generator=…)`, `evaluate`, the trainer and `load_generator` take any. A
    class that is named as FILE.py:CLASS must take no arguments.
    """

    takes_float64: ClassVar[bool] = False
    """Whether `forward` can read supports in float64; else it gets the precision of its weights."""

    @abstractmethod
    def forward(self, support: Support) -> AdapterWeights:
        """The adapters of T tasks, with a leading task axis; differentiable.

        A class that is not there gets a bias of −∞, as `Support.head` gives it. Neither such a
        class nor a picture that is not there may change anything else.
        """

    @final
    def predict(self, support: Support) -> AdapterWeights:
        """`forward` without gradients, in the precision of the support.

        Raises:
            UsageError: It gives something else than the adapters of these tasks.
        """
        first, dtype = next(self.parameters(), None), support.text_TND.dtype
        if not (self.takes_float64 or first is None):
            support = support.to(dtype=first.dtype)
        with torch.no_grad():
            found = self(support)
        owner = f"generator {type(self).__name__}"
        return require_adapters(found, support.text_TND.shape, owner=owner).to(dtype=dtype)

    @final
    @property
    def device(self) -> torch.device:
        """The device of the weights; the CPU for a generator without any."""
        first = next(self.parameters(), None)
        return torch.device("cpu") if first is None else first.device
