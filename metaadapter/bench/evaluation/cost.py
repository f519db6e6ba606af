"""What a method costs: seconds, memory, and numbers that it trains."""

from __future__ import annotations

import ctypes
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

Result = TypeVar("Result")
MIB = 2**20


def timed(action: Callable[[], Result], device: torch.device) -> tuple[Result, float]:
    """A result and the seconds that it took, also on a device that works on its own."""
    _wait_for(device)
    started = time.perf_counter()
    result = action()
    _wait_for(device)
    return result, time.perf_counter() - started


@dataclass(slots=True)
class TrainedNumbers:
    """How many numbers an optimizer moved."""

    count: int = 0
    """Of the one that moves most: what is trained again, without some pictures, is no more."""


@contextmanager
def trained_numbers() -> Iterator[TrainedNumbers]:
    """Count the numbers of every torch optimizer that makes a step within the block."""
    seen = TrainedNumbers()

    def note(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        moved = sum(p.numel() for group in optimizer.param_groups for p in group["params"])
        seen.count = max(seen.count, moved)

    with register_optimizer_step_pre_hook(note):
        yield seen


def reset_peak(device: torch.device) -> float | None:
    """Begin to watch memory; MiB held now, or None where the system does not tell."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device) / MIB
    try:
        # Freed memory that the allocator keeps would hide what is taken from it.
        with suppress(AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        return _status("VmRSS")
    except OSError:
        return None


def peak_mib(device: torch.device, before: float | None) -> float | None:
    """Most memory held since `reset_peak`, less what was held then, in MiB."""
    if before is None:
        return None
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / MIB - before
    peak = _status("VmHWM")
    return None if peak is None else max(0.0, peak - before)


def _status(name: str) -> float | None:
    found = re.search(rf"^{name}:\s+(\d+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else None


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
