"""The `metaadapter` program: its commands, and how they end."""

from __future__ import annotations

import errno
import gc
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Annotated, NoReturn

import typer
from typer import Exit, Option

from metaadapter.commands.adapt import adapt
from metaadapter.commands.add import add
from metaadapter.commands.console import Console, calm_warnings, write_document
from metaadapter.commands.demo import demo
from metaadapter.commands.doctor import doctor
from metaadapter.commands.encode import encode
from metaadapter.commands.evaluate import evaluate
from metaadapter.commands.predict import predict
from metaadapter.commands.report import report
from metaadapter.commands.train import train
from metaadapter.errors import MetaAdapterError

__all__ = ["app", "main"]

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
KINDS = {
    1: "unexpected",
    2: "usage",
    3: "data",
    4: "incompatible-artifact",
    5: "missing-package",
    INTERRUPTED: "interrupted",
}

app = typer.Typer(
    name="metaadapter",
    help="From a few labelled photographs to a classifier, in one forward pass.",
    epilog="Start with `metaadapter demo`, or with `metaadapter adapt YOUR_FOLDER --out ADAPTER`.",
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    add_completion=False,
)
for command in (demo, encode, adapt, add, predict, train, evaluate, report, doctor):
    app.command()(command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program.

    Args:
        argv: arguments without the program's name; those of the process by default.

    Returns:
        0 fine · 1 unexpected · 2 usage · 3 bad data or configuration · 4 incompatible artifact ·
        5 optional package missing · 130 interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if argv is None and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt_once)
    # Each collection walks all that imports have made, thousands of times, to find nothing: a fifth
    # of the start-up time.
    gc.set_threshold(50_000)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # any file name can be printed
    with calm_warnings():
        try:
            code = app(arguments or ["--help"], prog_name="metaadapter", standalone_mode=False)
            if code == INTERRUPTED:
                return _failed(_interrupted(arguments), code, arguments)
            sys.stdout.flush()
            return int(code or 0)
        except typer.TyperException as error:
            return _failed(_usage(error), error.exit_code, arguments)
        except MetaAdapterError as error:
            return _failed(str(error), error.exit_code, arguments)
        except (BrokenPipeError, SystemExit) as error:
            # The latter is typer's answer to the former; else it is of code of the user's own.
            if isinstance(error, SystemExit) and not isinstance(error.__context__, OSError):
                raise
            # `metaadapter predict … | head` is no fault; the rest of the output has no reader.
            _discard_output()
            return 0
        except Exception as error:
            if isinstance(error, OSError) and error.errno in DISK_FULL:
                return _failed(_disk_full(error), 3, arguments)
            if "--debug" in arguments or os.environ.get("METAADAPTER_DEBUG", "0") not in ("", "0"):
                raise
            message = (
                f"unexpected {type(error).__name__}: {error}. This is a fault of metaadapter: run "
                "it as `metaadapter --debug …` (or with METAADAPTER_DEBUG=1) to see where, and "
                "report it"
            )
            return _failed(message, 1, arguments)


def _interrupt_once(_signal: int, _frame: object) -> NoReturn:
    # A second Ctrl-C while the threads are waited for would abort the process within PyTorch.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _print_version(wanted: bool) -> bool:
    if wanted:
        sys.stdout.write(f"metaadapter {metadata.version('metaadapter')}\n")
        raise Exit
    return wanted


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, Option("--debug", help="Show where in the code an unexpected error arose.")
    ] = False,
) -> None:
    """`main` looks for --debug itself: an error may arise before options are parsed."""


def _failed(message: str, code: int, arguments: Sequence[str]) -> int:
    Console().error(message)
    if "--json" in arguments:
        error = {"kind": KINDS[code], "message": message, "exit_code": code}
        write_document("error", {"error": error})
    return code


def _usage(error: typer.TyperException) -> str:
    from pydantic import ValidationError

    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "metaadapter"
    message = error.format_message().replace("Value error, ", "").rstrip(".")
    # What the number out of range was, typer leaves out.
    cause = error.__cause__
    value = f", got {cause.errors()[0]['input']!r}" if isinstance(cause, ValidationError) else ""
    return f"{message}{value}. See `{path} --help`."


def _interrupted(arguments: Sequence[str]) -> str:
    kept = {"encode": "pictures encoded so far", "evaluate": "cells measured so far"}
    what = next((kept[word] for word in arguments[:2] if word in kept), None)
    if what is None:
        return "interrupted"
    return (
        f"interrupted; the {what} are kept. The same command goes on there:\n"
        f"  {shlex.join(['metaadapter', *arguments])}"
    )


def _disk_full(error: OSError) -> str:
    try:
        sys.stdout.flush()
    except OSError:
        _discard_output()
    return f"cannot write {error.filename or 'the output'}: {error.strerror}; free some space"


def _discard_output() -> None:
    # The interpreter flushes stdout once more on its way out, which would fail again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
