"""Signals before the program is loaded; this module imports nothing slow."""

from __future__ import annotations

import atexit
import os
import signal
import sys

# Exit code (128 + the signal, as in shells) → kind of the error.
KINDS = {130: "interrupted", 143: "terminated", 129: "hung-up"}
ENDING = [number for number in signal.Signals if 128 + number in KINDS]  # no SIGHUP on Windows


def hear_early_signals() -> None:
    """Let a signal end the process at once, with one line and its code, while it is loaded.

    A KeyboardInterrupt in the middle of an import would look like a fault of that import.
    """
    for number in ENDING:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, end_loading)
    atexit.register(_ignore_ctrl_c)  # the first one registered, so the last one called


def end_loading(number: int, _frame: object) -> None:
    """End the process."""
    if sys.stderr is not None:
        os.write(sys.stderr.fileno(), b"error: interrupted\n")
    os._exit(128 + number)


def _ignore_ctrl_c() -> None:
    # The interpreter now removes all handlers, and Ctrl-C would replace the exit code.
    if callable(signal.getsignal(signal.SIGINT)):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
