"""A device for machines without a GPU: its tensors compute on the CPU, and mix with no others.

PyTorch keeps the key `PrivateUse1` for devices from outside. A tensor of the device wraps one of
the CPU, so that code with branches on values runs as usual. As on a GPU, an operation of tensors
from two devices is an error, except for numbers (tensors without axes), indices, and copies.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

backend = pytest.importorskip("torch.utils.backend_registration")
if not hasattr(backend, "_setup_privateuseone_for_python_backend"):
    pytest.skip("needs a PyTorch with devices in Python", allow_module_level=True)

DEVICE = "elsewhere"
# Copies between devices, and operations that accept indices on the CPU.
CROSSING = ("_to_copy", "copy_", "copy", "index", "index_put", "index_put_", "_index_put_impl_")


class DeviceMixture(AssertionError):
    """An operation has tensors of two devices."""


class Elsewhere(torch.Tensor):
    """A tensor of the device; `inner` has its numbers."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> Elsewhere:
        return torch.Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            layout=inner.layout,
            device=torch.device(DEVICE, 0),
        )

    def __init__(self, inner: torch.Tensor) -> None:
        self.inner = inner

    def __repr__(self, **_: Any) -> str:
        return f"{self.inner!r} {DEVICE}"

    def tolist(self) -> Any:
        """Return the numbers; PyTorch refuses this for subclasses."""
        return self.inner.tolist()

    @classmethod
    def __torch_dispatch__(cls, function: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = compute(function, *args, **(kwargs or {}))
        if not any(isinstance(leaf, Elsewhere) for leaf in tree_leaves((args, kwargs))):
            return result
        return return_and_correct_aliasing(function, args, kwargs or {}, result)


def compute(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Compute an operation on the CPU; its results are on the device of its tensors."""
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    ours = [tensor for tensor in tensors if isinstance(tensor, Elsewhere)]
    others = [tensor for tensor in tensors if not isinstance(tensor, Elsewhere) and tensor.dim()]
    name = function.overloadpacket.__name__
    if ours and others and name not in CROSSING:
        shapes = [tuple(tensor.shape) for tensor in others]
        raise DeviceMixture(f"{function} has tensors of {DEVICE}, and of the CPU: {shapes}")
    goal = torch.device(kwargs["device"]).type if kwargs.get("device") is not None else None
    is_ours = goal == DEVICE if goal else bool(ours)
    if is_ours and (random := kwargs.get("generator")) is not None and random.device.type != DEVICE:
        raise DeviceMixture(f"{function} draws on {DEVICE} with a generator of the CPU")
    wrappers = {id(tensor.inner): tensor for tensor in ours}

    def unwrap(leaf: Any) -> Any:
        if isinstance(leaf, Elsewhere):
            return leaf.inner
        return torch.device("cpu") if isinstance(leaf, torch.device) else leaf

    def wrap(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        if id(leaf) in wrappers:
            return wrappers[id(leaf)]
        return Elsewhere(leaf) if is_ours else leaf

    result = function(*tree_map(unwrap, args), **tree_map(unwrap, kwargs))
    return tree_map(wrap, result)


class FakeDevice(TorchDispatchMode):
    """While this is active, tensors can be made on the device."""

    def __torch_dispatch__(self, function: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
        return Elsewhere.__torch_dispatch__(function, (), args, kwargs)


class _Module(backend._DummyBackendModule):
    """The functions that PyTorch calls for a device."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        """Return the kinds of numbers of mixed precision."""
        return [torch.bfloat16]


backend._setup_privateuseone_for_python_backend(DEVICE, backend_module=_Module())


# `torch.tensor` and `Tensor.to` make their result past all modes.
@torch.library.impl("aten::empty_strided", "privateuseone")
def _empty_strided(size: Any, stride: Any, *, dtype: Any = None, **_: Any) -> torch.Tensor:
    return Elsewhere(torch.empty_strided(size, stride, dtype=dtype))


@torch.library.impl("aten::empty.memory_format", "privateuseone")
def _empty(size: Any, *, dtype: Any = None, **_: Any) -> torch.Tensor:
    return Elsewhere(torch.empty(size, dtype=dtype))


@torch.library.impl("aten::_copy_from", "privateuseone")
def _copy_from(source: torch.Tensor, goal: torch.Tensor, _: bool = False) -> torch.Tensor:
    inner = [part.inner if isinstance(part, Elsewhere) else part for part in (source, goal)]
    inner[1].copy_(inner[0])
    return goal
