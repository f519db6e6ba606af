"""The interface of a generator, a network that predicts an adapter from a support."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, TypeVar, final

import torch
from torch import nn

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, require_adapters
from metaadapter.data.hub import place_of

if TYPE_CHECKING:
    from metaadapter.data.hub_upload import Pushed

OfKind = TypeVar("OfKind", bound="AdapterGenerator")


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
    @classmethod
    def from_pretrained(cls: type[OfKind], name: str, *, revision: str | None = None) -> OfKind:
        """Load a generator of this class from the Hugging Face hub, or from a folder.

        Only tensors and settings are read; no code of a repository runs. Without a network, or with
        HF_HUB_OFFLINE=1, the cache of the hub is read.

        Args:
            name: ORGANISATION/NAME, or a folder.
            revision: A branch, a tag or a commit.

        Raises:
            UsageError: The hub has no such repository or revision.
            DataError: It is not on this machine and cannot be downloaded, or it is damaged.
            IncompatibleArtifact: It is not a generator of this class and version.
        """
        from metaadapter.generator.pretrained import load_as

        return load_as(cls, place_of(name, revision))

    @final
    def push_to_hub(
        self, repository: str, *, private: bool = False, license: str | None = None
    ) -> Pushed:
        """Publish the weights and constants on the Hugging Face hub, in one commit with a card.

        The code of a generator of your own is not published. Errors are those of `push`.

        Args:
            repository: ORGANISATION/NAME; it is created if it does not exist.
            private: Create a private repository; an old one must be private.
            license: The licence as the hub names it, as in "cc-by-4.0".
        """
        from metaadapter.generator.published import push_generator

        return push_generator(self, repository, private=private, license_name=license)

    @final
    @property
    def device(self) -> torch.device:
        """The device of the weights; the CPU if the generator has no weights."""
        first = next(self.parameters(), None)
        return torch.device("cpu") if first is None else first.device
