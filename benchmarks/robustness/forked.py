"""The program in a forked process, which may be killed, stopped or limited.

A fork of a process with all imports takes a tenth of a second, a new interpreter three seconds. The
process must use one thread, because threads do not survive a fork.
"""

from __future__ import annotations

import itertools
import mmap
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from metaadapter.apps.cli.app import main
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder

LONGEST_SECONDS = 60
# Audit events of calls that change a folder; an "open" for writing counts as well.
CALLS = {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"}
WRITING = os.O_WRONLY | os.O_RDWR
NUMBERS = itertools.count()


class Ending(NamedTuple):
    """The exit code of a process, or the signal that ended it."""

    code: int
    """The exit code; if negative, minus the number of the signal that killed the process."""
    out: str
    err: str
    seconds: float

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL

    def __str__(self) -> str:
        return f"ended with {self.code}: {(self.err or self.out)[-600:]}"


class Changes:
    """Counts the calls with which a process changes files, and may send a signal at one call.

    The count is shared between processes.
    """

    def __init__(self, within: Path, at: int = 0, send: signal.Signals = signal.SIGKILL) -> None:
        """The process sends itself the signal before call number `at`, counted from 1."""
        self._within, self._at, self._send = str(within), at, send
        self._shared = mmap.mmap(-1, 8)

    @property
    def number(self) -> int:
        """The number of calls that changed files so far."""
        return int.from_bytes(self._shared[:8], "little")

    def begin(self) -> None:
        """Count the calls of this process until it ends."""
        sys.addaudithook(self._count_event)
        fsync = os.fsync

        def counted(file: Any) -> None:
            self._count()
            fsync(file)

        os.fsync = counted

    def _count_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in CALLS:
            self._count()
        elif event == "open":
            path, _, flags = arguments
            if flags & WRITING and isinstance(path, str) and path.startswith(self._within):
                self._count()

    def _count(self) -> None:
        self._shared[:8] = (self.number + 1).to_bytes(8, "little")
        if self.number == self._at:
            os.kill(os.getpid(), self._send)


class Child:
    """A run of the program in a forked process."""

    def __init__(
        self, arguments: list[object], scratch: Path, *prepare: Callable[[], object]
    ) -> None:
        """Start the process; it calls `prepare` first and writes its output to `scratch`."""
        number = next(NUMBERS)
        self._output = scratch / f"{number} out", scratch / f"{number} err"
        self._started = time.monotonic()
        self._status: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            # The forked process does not need the idle threads of libraries.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if self.pid == 0:
            self._run([str(argument) for argument in arguments], prepare)

    def _run(self, arguments: list[str], prepare: tuple[Callable[[], object], ...]) -> None:
        code = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(LONGEST_SECONDS)
            sys.stdout, sys.stderr = (path.open("w", encoding="utf-8") for path in self._output)
            for prepare_step in prepare:
                prepare_step()
            code = main(arguments)
            sys.stdout.flush()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def stopped(self) -> bool:
        """Wait until the process stops itself; return False if it ends without a stop."""
        return os.WIFSTOPPED(self._wait(os.WUNTRACED))

    def resume(self) -> None:
        """Resume a stopped process."""
        os.kill(self.pid, signal.SIGCONT)

    def ended(self, kill_after: float | None = None) -> Ending:
        """Wait for the end of the process, but kill it after `kill_after` seconds."""
        if kill_after is not None:
            while self._status is None and time.monotonic() < self._started + kill_after:
                time.sleep(0.001)
                self._wait(os.WNOHANG)
            if self._status is None:
                os.kill(self.pid, signal.SIGKILL)
        if self._status is None:
            self._wait()
        seconds = time.monotonic() - self._started
        out, err = map(_read_and_remove, self._output)
        return Ending(os.waitstatus_to_exitcode(self._status or 0), out, err, seconds)

    def _wait(self, options: int = 0) -> int:
        pid, status = os.waitpid(self.pid, options)
        if pid and not os.WIFSTOPPED(status):
            self._status = status
        return status


def run_forked(
    arguments: list[object],
    scratch: Path,
    *prepare: Callable[[], object],
    kill_after: float | None = None,
) -> Ending:
    """Run the program in a forked process to its end, or to a kill."""
    return Child(arguments, scratch, *prepare).ended(kill_after)


def _read_and_remove(file: Path) -> str:
    if not file.exists():  # killed before it was written
        return ""
    text = file.read_text(encoding="utf-8", errors="replace")
    file.unlink()
    return text


def preloaded_encoder() -> Callable[[], None]:
    """Load the encoder `tiny`, and return a function that makes a forked process use it."""
    encoder = FrozenEncoder.load("tiny", device="cpu")

    def prepare() -> None:
        FrozenEncoder.load = lambda *_, **__: encoder

    return prepare
