"""The device that an encoder runs on, and its precision."""

from __future__ import annotations

from typing import Literal, get_args

import torch

from metaadapter.errors import UsageError

Precision = Literal["fp32", "bf16", "fp16"]


def choose_device(device: str | None) -> torch.device:
    """Return the named device, checked; for None and "auto" the fastest device of this machine."""
    if device is None or device == "auto":
        return torch.device(_fastest())
    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise UsageError(
            f"unknown device {device!r}; choose auto, cpu, cuda, cuda:1 … or mps"
        ) from None
    # The driver of a GPU may be broken, so it is only called for a GPU.
    if not (
        chosen.type == "cpu"
        or (chosen.type == "mps" and torch.backends.mps.is_available())
        or (chosen.type == "cuda" and (chosen.index or 0) < torch.cuda.device_count())
    ):
        raise UsageError(
            f"device {device!r} was asked for, but PyTorch {torch.__version__} does not find it on "
            f"this machine; use device={_fastest()}, or install a PyTorch built for it"
        )
    return chosen


def _fastest() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def require_precision(precision: str, device: torch.device) -> None:
    """Raise `UsageError` unless the precision exists and suits the device."""
    if precision not in get_args(Precision):
        raise UsageError(f"unknown precision {precision!r}; choose fp32, bf16 or fp16")
    if precision == "fp16" and device.type == "cpu":
        raise UsageError(
            "precision fp16 is slow and overflows on a CPU; use fp32 (exact), bf16 (faster on "
            "recent server processors), or fp16 with device=cuda"
        )
