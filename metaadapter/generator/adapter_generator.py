"""The interface of a generator, a network that predicts an adapter from a support."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, final

import torch
from torch import nn

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, require_adapters


class AdapterGenerator(nn.Module, ABC):
    """A network that predicts adapters from supports.

    metaadapter ships the subclass `Generator`. `MetaAdapterClassifier(generator=…)`, `evaluate`,
    the trainer and `load_generator` accept any other subclass, too. A subclass that users name as
    FILE.py:CLASS must have a constructor without arguments.
    """

    takes_float64: ClassVar[bool] = False
    """Whether `forward` takes float64; if not, supports are cast to the type of the weights."""

    @abstractmethod
    def forward(self, support: Support) -> AdapterWeights:
        """Return the adapters of T tasks, stacked on a leading axis, with gradients.

        A masked-out class must get the bias −∞, as in `Support.head`. Masked-out classes and
        pictures must not change any other output.
        """

    def in_domain_of_pool(self, support: Support) -> Support:
        """Return the support with its pictures moved to the domain of its pool; here unchanged.

        Gradient steps learn from these pictures, and left-out ones are classified as they are here.
        """
        return support

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
        """The device of the weights; the CPU if the generator has no weights."""
        first = next(self.parameters(), None)
        return torch.device("cpu") if first is None else first.device
