"""The cost of a method: seconds and memory."""

from __future__ import annotations

import ctypes
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import torch

Result = TypeVar("Result")
MIB = 2**20


def timed(action: Callable[[], Result], device: torch.device) -> tuple[Result, float]:
    """Return the result of an action and its seconds; wait for an asynchronous device."""
    _wait_for(device)
    started = time.perf_counter()
    result = action()
    _wait_for(device)
    return result, time.perf_counter() - started


def reset_peak(device: torch.device) -> float | None:
    """Start to measure memory; return the MiB in use now, or None if the system does not tell."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device) / MIB
    try:
        # If the allocator kept free memory, its next use would not be measured.
        with suppress(AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        return _status("VmRSS")
    except OSError:
        return None


def peak_mib(device: torch.device, before: float | None) -> float | None:
    """Return the most MiB in use since `reset_peak`, minus `before`, the MiB in use then.

    On a CPU without `reset_peak` the most since the program started.
    """
    if before is None:
        return None
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / MIB - before
    # Not ru_maxrss: it begins at the memory of the process that started this one.
    peak = _status("VmHWM")
    return None if peak is None else max(0.0, peak - before)


def _status(name: str) -> float | None:
    match = re.search(rf"^{name}:\s+(\d+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(match[1]) / 1024 if match else None


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
