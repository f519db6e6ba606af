"""Tasks as row numbers of a table, before any feature is looked up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Int
from torch import Tensor

__all__ = ["EpisodeRows"]


@dataclass(frozen=True, slots=True)
class EpisodeRows:
    """T tasks of up to N ways; −1 fills up. All pictures of a task are different ones."""

    classes_TN: Int[Tensor, "T N"]
    """Class numbers of the `LabelIndex`."""
    support_TNK: Int[Tensor, "T N K"]
    """Rows of the labelled pictures."""
    twin_TNK: Int[Tensor, "T N K2"]
    """A second support with as many shots; no shots where none was asked for or can be had."""
    query_TNQ: Int[Tensor, "T N Q"]
    """Rows of the pictures to classify, by class."""
    off_class_TO: Int[Tensor, "T O"]
    """Rows of pictures of classes that are not in the task; none where none were asked for."""

    def first(self, n_shot: int) -> EpisodeRows:
        """The same tasks with no more than the first `n_shot` labelled pictures a class."""
        return replace(
            self,
            support_TNK=self.support_TNK[..., :n_shot],
            twin_TNK=self.twin_TNK[..., :n_shot],
        )

    def to(self, device: str | torch.device) -> EpisodeRows:
        """The same tasks on a device."""
        return EpisodeRows(*(getattr(self, field.name).to(device) for field in fields(self)))

    def split(self, n_tasks: int) -> Iterator[EpisodeRows]:
        """The same tasks, `n_tasks` at a time: their rows are small, and their features large."""
        parts = [getattr(self, field.name).split(n_tasks) for field in fields(self)]
        return (EpisodeRows(*part) for part in zip(*parts, strict=True))
