"""The program in a forked process, which may be killed, stopped or kept short.

A fork of a process that has imported all costs a tenth of a second, a new interpreter three. The
process must compute with one thread, for threads do not survive a fork.
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

from metaadapter import features
from metaadapter.apps.cli.app import main

LONGEST_SECONDS = 60
# Audit events of calls that change a folder; "open" is one of them if it is for writing.
CALLS = {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"}
WRITING = os.O_WRONLY | os.O_RDWR
NUMBERS = itertools.count()


class Ending(NamedTuple):
    """How a process ended: by itself with a code, or by a signal."""

    code: int
    """Negative: the number of the signal that killed it."""
    out: str
    err: str
    seconds: float

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL

    def __str__(self) -> str:
        return f"ended with {self.code}: {(self.err or self.out)[-600:]}"


class Changes:
    """Counts the calls with which a process changes files; one of them may be its last.

    Begun in a forked process, it is seen by the other one.
    """

    def __init__(self, within: Path, at: int = 0, send: signal.Signals = signal.SIGKILL) -> None:
        """Before its call number `at`, from 1, the process sends itself a signal."""
        self._within, self._at, self._send = str(within), at, send
        self._shared = mmap.mmap(-1, 8)

    @property
    def number(self) -> int:
        """How many calls there were."""
        return int.from_bytes(self._shared[:8], "little")

    def begin(self) -> None:
        """Count from now on, in this process, until it ends."""
        sys.addaudithook(self._hear)
        fsync = os.fsync

        def counted(file: Any) -> None:
            self._count()
            fsync(file)

        os.fsync = counted

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
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
        """Start it, `prepare` called in it first; what it says goes into `scratch`."""
        number = next(NUMBERS)
        self._said = scratch / f"{number} out", scratch / f"{number} err"
        self._started = time.monotonic()
        self._status: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            # Threads of libraries, which wait for work, need not be in the other process.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if self.pid == 0:
            self._run([str(argument) for argument in arguments], prepare)

    def _run(self, arguments: list[str], prepare: tuple[Callable[[], object], ...]) -> None:
        code = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(LONGEST_SECONDS)
            sys.stdout, sys.stderr = (path.open("w", encoding="utf-8") for path in self._said)
            for each in prepare:
                each()
            code = main(arguments)
            sys.stdout.flush()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def stopped(self) -> bool:
        """Wait until it stops itself; false if it ended before."""
        return os.WIFSTOPPED(self._wait(os.WUNTRACED))

    def go_on(self) -> None:
        """Let a stopped process go on."""
        os.kill(self.pid, signal.SIGCONT)

    def ended(self, kill_after: float | None = None) -> Ending:
        """Wait until it has ended; one that takes longer than some seconds may be killed."""
        if kill_after is not None:
            while self._status is None and time.monotonic() < self._started + kill_after:
                time.sleep(0.001)
                self._wait(os.WNOHANG)
            if self._status is None:
                os.kill(self.pid, signal.SIGKILL)
        if self._status is None:
            self._wait()
        seconds = time.monotonic() - self._started
        out, err = map(_taken, self._said)
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


def _taken(file: Path) -> str:
    if not file.exists():  # killed before it was made
        return ""
    text = file.read_text(encoding="utf-8", errors="replace")
    file.unlink()
    return text


def encoder_at_hand() -> Callable[[], None]:
    """Loads the encoder `tiny`; gives what lets a forked process find it loaded."""
    encoder = features.load_encoder("tiny", device="cpu")

    def prepare() -> None:
        features.load_encoder = lambda *_, **__: encoder

    return prepare
