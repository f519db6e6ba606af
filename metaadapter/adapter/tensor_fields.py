"""Dataclasses of tensors: move them to a device, and check the tensors of a file against them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

import torch
from jaxtyping import Float, jaxtyped
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

    def where(self: Fields, mask_T: Tensor, other: Fields) -> Fields:
        """Return this value for the tasks in a mask (T,), and `other` for the rest."""
        chosen = {
            name: torch.where(
                mask_T.reshape(-1, *(1,) * (tensor.ndim - 1)), tensor, getattr(other, name)
            )
            for name, tensor in self.tensors().items()
        }
        return replace(self, **chosen)

    def to(
        self: Fields, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> Fields:
        """Return this value on a device, its floating-point tensors in a precision."""
        return self.map(
            lambda tensor: tensor.to(
                device=device, dtype=dtype if tensor.is_floating_point() else None
            )
        )


def require_shapes(kind: type[Any], tensors: Mapping[str, Tensor], **sizes: int) -> None:
    """Raise `ValueError` unless tensors of one task fit the jaxtyping annotations of a dataclass.

    A letter in annotations means one size in all fields; `sizes` gives the sizes that are known.
    """
    with jaxtyped("context"):
        # Binds the letters, and the task axis, which a file does not have.
        for letters, shape in {"*T": (), **{name: (size,) for name, size in sizes.items()}}.items():
            isinstance(torch.empty(shape, device="meta"), Float[Tensor, letters])  # type: ignore[arg-type]
        for name, hint in _hints(kind).items():  # type: ignore[arg-type]
            if name in tensors and not isinstance(tensors[name], hint):
                axes = next(part for part in (hint, *get_args(hint)) if hasattr(part, "dim_str"))
                known = ", ".join(f"{letter} = {size}" for letter, size in sizes.items())
                raise ValueError(
                    f"{name} should be {axes.__name__} with {known}, got shape "
                    f"{tuple(tensors[name].shape)} of {tensors[name].dtype}"
                )


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)
