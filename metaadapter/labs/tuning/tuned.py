"""The result of training a part of an encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

from metaadapter.features.towers.config import InsideConfig, PromptConfig

Config = TypeVar("Config", bound=InsideConfig | PromptConfig)
LeftOut = TypeVar("LeftOut")


@dataclass(frozen=True)
class Tuned(Generic[Config, LeftOut]):
    """Trained tensors, or none if they do not help what was left out of the training."""

    tensors: dict[str, Tensor]
    """The trained tensors by name; empty if the encoder stays as it is."""
    config: Config | None
    """Their part of the adapter's configuration; `None` without tensors."""
    left_out: LeftOut | None
    """The figures of left-out pictures or classes; `None` if none were left out."""
    n_trained: int
    """The count of trained numbers, kept or not."""
    seconds: float
    """The time of the training."""

    @property
    def n_steps(self) -> int:
        """The number of gradient steps behind the tensors."""
        return 0 if self.config is None else self.config.n_steps
