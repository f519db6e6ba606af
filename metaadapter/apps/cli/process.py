"""The process of a command: the signals that end it, and its memory.

Ctrl-C is SIGINT; `kill`, schedulers and containers send SIGTERM; a closing terminal sends SIGHUP.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

# Exit code (128 + the signal, as in shells) → kind of the error.
KINDS = {130: "interrupted", 143: "terminated", 129: "hung-up"}
ENDING = [number for number in signal.Signals if 128 + number in KINDS]  # no SIGHUP on Windows

M_ARENA_MAX = -8  # from glibc's malloc.h

_latest: int = signal.SIGINT


def ending_code() -> int:
    """The exit code of a program that the latest signal ends."""
    return 128 + _latest


def hear_signals(*, of_process: bool) -> None:
    """Begin a run of the program; with `of_process`, handle the signals from now on.

    The first signal raises KeyboardInterrupt. While the program cleans up, one more Ctrl-C is
    ignored; the next one, or SIGTERM or SIGHUP, ends the process at once. Signals that the parent
    process ignores, as `nohup` ignores SIGHUP, stay ignored.
    """
    global _latest
    _latest = signal.SIGINT
    for number in ENDING if of_process else ():
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _end)


@contextmanager
def stop_at_first_signal(announce: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Within the block, the first signal only asks to stop; the second one acts as outside.

    `announce` is called at the first signal; the result says whether it has come.
    """
    should_stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield should_stop.is_set  # signals reach the main thread only
        return
    handlers = {number: signal.getsignal(number) for number in ENDING}
    before = {number: handler for number, handler in handlers.items() if callable(handler)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(number: int, _frame: FrameType | None) -> None:
        global _latest
        _latest = number
        should_stop.set()
        restore()
        announce()

    for number in before:
        signal.signal(number, stop)
    try:
        yield should_stop.is_set
    finally:
        if not should_stop.is_set():
            restore()


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    global _latest
    _latest = number
    for ending in ENDING:
        if signal.getsignal(ending) is _end:
            # A second KeyboardInterrupt while threads are joined would abort within PyTorch.
            signal.signal(ending, _ignore_once if ending == signal.SIGINT else _end_at_once)
    raise KeyboardInterrupt


def _ignore_once(number: int, _frame: FrameType | None) -> None:
    """Ignore one Ctrl-C; the next one ends the process, in case the interruption was lost."""
    signal.signal(number, _end_at_once)


def _end_at_once(number: int, _frame: FrameType | None) -> NoReturn:
    os._exit(128 + number)


def share_one_heap() -> None:
    """Let all threads that start later share the heap of the first.

    By default glibc gives threads their own heaps. Those that decode and encode free blocks of one
    heap while another grows, so that memory grows with the number of pictures. The variable
    `MALLOC_ARENA_MAX` takes precedence. Other C libraries have one heap, or no such setting.
    """
    import ctypes

    if "MALLOC_ARENA_MAX" in os.environ:
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_ARENA_MAX, 1)
    except (AttributeError, OSError, TypeError):  # no glibc; on Windows there is no CDLL(None)
        return
