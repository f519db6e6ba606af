"""Whether tensors of a file are those that a dataclass declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

from torch import Tensor

TASKS = "*T"  # the axis of tasks, of which a file has none


def require_shapes(kind: type[Any], tensors: Mapping[str, Tensor], **sizes: int) -> None:
    """Check the tensors of one task by the annotations of the dataclass that is made of them.

    A letter of an annotation stands for one size; those that are known are given.

    Raises:
        ValueError: A tensor has another shape, or is not of floating-point numbers.
    """
    for name, hint in get_type_hints(kind).items():
        if (tensor := tensors.get(name)) is None:
            continue
        # X, or X | None.
        declared = next(each for each in (hint, *get_args(hint)) if hasattr(each, "dim_str"))
        axes = declared.dim_str.removeprefix(TASKS).split()
        shape = tuple(tensor.shape)
        expected = [sizes.get(axis, axis) for axis in axes]
        # Letters that are met for the first time get their size.
        fits = len(axes) == len(shape) and all(
            sizes.setdefault(axis, size) == size for axis, size in zip(axes, shape, strict=True)
        )
        if not (fits and tensor.is_floating_point()):
            raise ValueError(
                f"{name} should be ({', '.join(map(str, expected))}) real numbers, and is "
                f"{shape} of {tensor.dtype}"
            )
