"""Dataclasses of tensors, which move to a device and a precision as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import torch
from torch import Tensor

Fields = TypeVar("Fields", bound="TensorFields")


@dataclass(frozen=True, slots=True)
class TensorFields:
    """A value whose fields are tensors, some of which may be `None`."""

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors by field name, without fields that are `None`."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}

    def map(self: Fields, change: Callable[[Tensor], Tensor]) -> Fields:
        """Return this value with `change` applied to every tensor."""
        return replace(self, **{name: change(tensor) for name, tensor in self.tensors().items()})

    def to(
        self: Fields, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> Fields:
        """Return this value on a device, its floating-point tensors in a precision."""
        return self.map(
            lambda tensor: tensor.to(
                device=device, dtype=dtype if tensor.is_floating_point() else None
            )
        )
