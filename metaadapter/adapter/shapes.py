"""Check tensors of a file against the shapes that a dataclass declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

from torch import Tensor

TASKS = "*T"  # the task axis, which a file does not have


def require_shapes(kind: type[Any], tensors: Mapping[str, Tensor], **sizes: int) -> None:
    """Check the tensors of one task against the jaxtyping annotations of a dataclass.

    Each letter of an annotation is one size in all fields; `sizes` gives those that are known.

    Raises:
        ValueError: A tensor has another shape, or is not of floating-point numbers.
    """
    for name, hint in get_type_hints(kind).items():
        if (tensor := tensors.get(name)) is None:
            continue
        # X, or X | None.
        declared = next(part for part in (hint, *get_args(hint)) if hasattr(part, "dim_str"))
        axes = declared.dim_str.removeprefix(TASKS).split()
        shape = tuple(tensor.shape)
        expected = [sizes.get(axis, axis) for axis in axes]
        # A letter gets its size where it first appears.
        fits = len(axes) == len(shape) and all(
            sizes.setdefault(axis, size) == size for axis, size in zip(axes, shape, strict=True)
        )
        if not (fits and tensor.is_floating_point()):
            raise ValueError(
                f"{name} should be ({', '.join(map(str, expected))}) real numbers, and is "
                f"{shape} of {tensor.dtype}"
            )
