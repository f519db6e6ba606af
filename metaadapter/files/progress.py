"""The progress of long work; one function shows it, and no signature passes it on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

Stage = Literal["times", "encode", "texts", "read", "merge", "tune"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of some work is done, in items; the rate is items per second, 0 if not known.

    The stage "times" reads when pictures were taken, "encode" reads pictures and encodes those
    that are new, "texts" encodes class names in all templates, "read"
    reads the features of a store, "merge" reads stores to merge, and "tune" takes training steps.
    """

    stage: Stage
    done: int
    total: int
    rate: float = 0.0


Show: TypeAlias = Callable[[Progress], None]
_show: ContextVar[Show | None] = ContextVar("show", default=None)


@contextmanager
def showing(show: Show | None) -> Iterator[None]:
    """Within the block, call `show` with the progress of all work; with None nothing is shown."""
    token = _show.set(show)
    try:
        yield
    finally:
        _show.reset(token)


def tell(stage: Stage, done: int, total: int, rate: float = 0.0) -> None:
    """Show that `done` of `total` items are done, if a function that shows progress is set."""
    if (show := _show.get()) is not None:
        show(Progress(stage, done, total, rate))


def meter(stage: Stage, total: int) -> Callable[[int], float]:
    """Return a function that counts further items, shows the progress, and returns the rate."""
    started, done = time.monotonic(), 0

    def advance(n_items: int) -> float:
        nonlocal done
        done += n_items
        rate = done / max(time.monotonic() - started, 1e-9)
        tell(stage, done, total, rate)
        return rate

    return advance


def counted(n_steps: int) -> Iterator[int]:
    """Yield the numbers 1 … `n_steps`, and show the progress after each training step."""
    for number in range(1, n_steps + 1):
        yield number
        tell("tune", number, n_steps)


@contextmanager
def part_of(n_before: int, n: int, n_all: int) -> Iterator[None]:
    """Within the block, count its encoding as `n` of `n_all` pictures, which follow `n_before`.

    It may encode several boxes of a picture.
    """

    def scaled(moment: Progress) -> None:
        if moment.stage == "encode":
            done = n_before + n * moment.done // max(moment.total, 1)
            tell_all(replace(moment, done=done, total=n_all))

    tell_all = _show.get() or (lambda _: None)
    with showing(scaled):
        yield
