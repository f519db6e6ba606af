"""The process of a command: the signals that end it, its memory and its streams.

Ctrl-C is SIGINT; `kill`, schedulers and containers send SIGTERM; a closing terminal sends SIGHUP.
A result that is cut off never passes for a complete one.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

# Exit code (128 + the signal, as in shells) → kind of the error.
SIGNALS = {130: "interrupted", 143: "terminated", 129: "hung-up"}
ENDING = [number for number in signal.Signals if 128 + number in SIGNALS]  # no SIGHUP on Windows
# From glibc's malloc.h.
M_ARENA_MAX, M_MMAP_MAX, M_TRIM_THRESHOLD = -8, -4, -1

_latest: int = signal.SIGINT


def ending_code() -> int:
    """Return the exit code of a program that the latest signal ends."""
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
        before = signal.getsignal(number)
        if before in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _end)


@contextmanager
def stop_at_first_signal(announce: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Within the block, the first signal only asks to stop; the second one acts as outside it.

    The first signal calls `announce`. The yielded function tells whether the first signal has come.
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

    By default glibc gives threads their own heaps. Threads that decode and encode free blocks in
    one heap while another heap grows, so memory grows with the number of pictures.
    """
    _set_heap({M_ARENA_MAX: 1})


def keep_freed_memory() -> None:
    """Keep freed memory for later tensors, instead of returning it to the system.

    The system clears memory before it gives it again. A training step frees and takes the same
    large tensors again and again; a third of the time of large steps went into this.
    """
    _set_heap({M_MMAP_MAX: 0, M_TRIM_THRESHOLD: 2**31 - 1})


def _set_heap(options: Mapping[int, int]) -> None:
    """Set options of glibc's heap; other C libraries have one heap, or lack these settings."""
    import ctypes

    with suppress(AttributeError, OSError, TypeError):  # on Windows there is no CDLL(None)
        for option, value in options.items():
            ctypes.CDLL(None).mallopt(option, value)


@contextmanager
def lasting_streams() -> Iterator[Callable[[], OSError | None]]:
    """Within the block, writing to stdout and stderr never raises; any text can be printed.

    The yielded function returns the error that cut off stdout, or `None`. Text that stderr does not
    take is lost, because there is no other place to report it.
    """
    lasting = {name: _Lasting(getattr(sys, name)) for name in ("stdout", "stderr")}
    for name, stream in lasting.items():
        setattr(sys, name, stream)

    def failure() -> OSError | None:
        lasting["stdout"].flush()
        return lasting["stdout"].failure

    try:
        yield failure
    finally:
        for name, stream in lasting.items():
            stream.flush()
            setattr(sys, name, stream.before)


def reader_left(error: OSError) -> bool:
    """True if a write fails because the reader has left, as `head` does."""
    # Windows reports a closed pipe as an invalid argument.
    windows = sys.platform == "win32" and error.errno == errno.EINVAL
    return isinstance(error, BrokenPipeError) or windows


class _Lasting:
    """A stream that keeps its first failure and drops later text."""

    def __init__(self, before: Any) -> None:
        self.before = before
        self.failure: OSError | None = None
        if before is None:
            self.failure = OSError(errno.EBADF, "it is closed")
            os.open(os.devnull, os.O_RDWR)  # no other file may get its number and the output
        elif isinstance(before, io.TextIOWrapper):
            before.reconfigure(errors="backslashreplace")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.before, name)

    def write(self, text: str) -> int:
        self._attempt(lambda: self.before.write(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        self._attempt(lambda: self.before.flush())

    def _attempt(self, action: Callable[[], object]) -> None:
        try:
            if self.failure is None:
                action()
        except OSError as error:
            self.failure = error
            # The interpreter would write the rest of the buffer again when it exits.
            with suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self.before.fileno())
                os.close(nowhere)
                self.before.flush()
