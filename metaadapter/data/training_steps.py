"""Tells how many steps of a training are done, to whoever shows the progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Tell = Callable[[int, int], None]
"""Called with the number of steps done and the number of all steps."""

_tell: ContextVar[Tell | None] = ContextVar("tell", default=None)


def counted(n_steps: int) -> Iterator[int]:
    """Yield the numbers 1 … `n_steps`, and tell of each step when it is done."""
    for number in range(1, n_steps + 1):
        yield number
        tell_step(number, n_steps)


def tell_step(n_done: int, n_steps: int) -> None:
    """Tell that `n_done` of `n_steps` steps are done, if anybody listens."""
    if (tell := _tell.get()) is not None:
        tell(n_done, n_steps)


@contextmanager
def reporting_steps(tell: Tell | None) -> Iterator[None]:
    """Within the block, tell of the steps of all trainings."""
    token = _tell.set(tell)
    try:
        yield
    finally:
        _tell.reset(token)


@contextmanager
def one_of_several(index: int, n_trainings: int) -> Iterator[None]:
    """Within the block, count its steps as those of one of several trainings of equal length."""
    tell = _tell.get()
    if tell is None:
        yield
        return
    with reporting_steps(lambda done, total: tell(index * total + done, n_trainings * total)):
        yield
