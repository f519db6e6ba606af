"""Signals that end the program: each saves what Ctrl-C saves, and has its exit code.

Ctrl-C is SIGINT; `kill`, schedulers and containers send SIGTERM, a terminal that closes SIGHUP.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

# Exit code, which is 128 + the signal, as shells have it → kind of the error.
KINDS = {130: "interrupted", 143: "terminated", 129: "hung-up"}
ENDING = [each for each in signal.Signals if 128 + each in KINDS]  # Windows has no SIGHUP

_latest: int = signal.SIGINT


def ending_code() -> int:
    """The exit code of a program that the latest signal has ended."""
    return 128 + _latest


def hear_signals(*, of_process: bool) -> None:
    """Begin a run of the program; one that is a process hears the signals from now on.

    The first is a KeyboardInterrupt. While the program is tidying up then, one more Ctrl-C changes
    nothing; the next one, SIGTERM or SIGHUP ends the process at once. Those that whoever started
    the process ignores, as `nohup` does SIGHUP, stay ignored.
    """
    global _latest
    _latest = signal.SIGINT
    for number in ENDING if of_process else ():
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _end)


@contextmanager
def stop_at_first_signal(tell: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Within the block, the first signal is told and asked for; the second one is as before."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set  # signals reach the main thread only
        return
    handlers = {number: signal.getsignal(number) for number in ENDING}
    before = {number: handler for number, handler in handlers.items() if callable(handler)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(number: int, _frame: FrameType | None) -> None:
        global _latest
        _latest = number
        asked.set()
        restore()
        tell()

    for number in before:
        signal.signal(number, stop)
    try:
        yield asked.is_set
    finally:
        if not asked.is_set():
            restore()


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    global _latest
    _latest = number
    for each in ENDING:
        if signal.getsignal(each) is _end:
            # Raising again while threads are waited for would abort the process within PyTorch.
            signal.signal(each, _spare if each == signal.SIGINT else _end_at_once)
    raise KeyboardInterrupt


def _spare(number: int, _frame: FrameType | None) -> None:
    """Let one Ctrl-C pass; should the interruption have been lost, the next one is heard."""
    signal.signal(number, _end_at_once)


def _end_at_once(number: int, _frame: FrameType | None) -> NoReturn:
    os._exit(128 + number)
