"""Where an encoder runs and how exactly it calculates."""

from __future__ import annotations

from typing import Literal, get_args

import torch

from metaadapter.errors import UsageError

__all__ = ["Precision", "choose_device", "require_precision"]

Precision = Literal["fp32", "bf16", "fp16"]


def choose_device(device: str | None) -> torch.device:
    """The device of a name, or a `UsageError`; for `None` and "auto" the fastest that is here."""
    has_mps = torch.backends.mps.is_available()
    fastest = "cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu"
    if device is None or device == "auto":
        return torch.device(fastest)
    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise UsageError(
            f"unknown device {device!r}; choose auto, cpu, cuda, cuda:1 … or mps"
        ) from None
    n_cuda = torch.cuda.device_count()
    usable = {"cpu": True, "mps": has_mps, "cuda": (chosen.index or 0) < n_cuda}
    if not usable.get(chosen.type):
        raise UsageError(
            f"device {device!r} was asked for, and PyTorch {torch.__version__} finds none such on "
            f"this machine; use --device {fastest}, or install a PyTorch built for it"
        )
    return chosen


def require_precision(precision: str, device: torch.device) -> None:
    """Raise a `UsageError` unless the precision exists and suits the device."""
    if precision not in get_args(Precision):
        raise UsageError(f"unknown precision {precision!r}; choose fp32, bf16 or fp16")
    if precision == "fp16" and device.type == "cpu":
        raise UsageError(
            "precision fp16 is slow and overflows on a CPU; use fp32 (exact), bf16 (faster on "
            "recent server processors), or fp16 with --device cuda"
        )
