"""The `metaadapter` program: its commands and exit codes."""

from __future__ import annotations

import gc
import os
import shlex
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Annotated

import typer
from typer import Exit, Option

from metaadapter.apps.cli.command_guard import Commands
from metaadapter.apps.cli.commands.adapt import adapt
from metaadapter.apps.cli.commands.add import add
from metaadapter.apps.cli.commands.bundle import bundle
from metaadapter.apps.cli.commands.demo import demo
from metaadapter.apps.cli.commands.doctor import doctor
from metaadapter.apps.cli.commands.encode import encode
from metaadapter.apps.cli.commands.evaluate import evaluate
from metaadapter.apps.cli.commands.export import export
from metaadapter.apps.cli.commands.library import library
from metaadapter.apps.cli.commands.merge import merge
from metaadapter.apps.cli.commands.predict import predict
from metaadapter.apps.cli.commands.report import report
from metaadapter.apps.cli.commands.serve import serve
from metaadapter.apps.cli.commands.train import train
from metaadapter.apps.cli.console import (
    Console,
    OutputForm,
    calm_warnings,
    choose_output,
    print_document,
)
from metaadapter.apps.cli.process import (
    SIGNALS,
    ending_code,
    hear_signals,
    lasting_streams,
    reader_left,
)
from metaadapter.errors import DataError, Interrupted, MetaAdapterError
from metaadapter.files.machine_errors import machine_error

KINDS = {
    1: "unexpected",
    2: "usage",
    3: "data",
    4: "incompatible-artifact",
    5: "missing-package",
    **SIGNALS,
}

# The options of the program, which may stand anywhere on the command line.
ANYWHERE = ("--json", "--quiet", "-q", "--debug")

app = Commands(
    name="metaadapter",
    help="From a few labelled photographs to a classifier, in one forward pass.",
    epilog="Start with `metaadapter demo`, or with `metaadapter adapt YOUR_FOLDER --out ADAPTER`.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    rich_markup_mode=None,
    add_completion=False,
)
COMMANDS = (
    *(demo, encode, merge, adapt, add, predict, export, serve),
    *(train, evaluate, report, doctor, bundle),
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(library)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with `argv`, or as a process that handles signals; return the exit code.

    0 success · 1 unexpected error · 2 usage · 3 bad data or configuration, or the machine refuses
    something · 4 incompatible artifact · 5 optional package missing · 130 interrupted · 143
    terminated · 129 hung up. The code is not 0 if a part of the result could not be written, unless
    its reader has left, as `head` does.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    hear_signals(of_process=argv is None)
    # Imports create many objects and no garbage, and collecting garbage would take a fifth of the
    # start-up time.
    gc.set_threshold(50_000)
    with lasting_streams() as output_failure, calm_warnings():
        code = None
        try:
            code = _run(arguments)
        except MemoryError:  # reporting the error needs memory as well
            if _is_debugged(arguments):
                raise
        if code is None:  # the memory of the run is free by now
            code = _failed(str(machine_error(MemoryError())), DataError.exit_code, arguments)
        failure = output_failure()
        if code or failure is None or reader_left(failure):
            return code
        reason = machine_error(failure) or failure.strerror
        return _failed(f"cannot write the output: {reason}", DataError.exit_code, arguments)


def _run(arguments: list[str]) -> int:
    own, words = _split(arguments)
    choose_output(OutputForm("--quiet" in own or "-q" in own, "--json" in own))
    if words in ([], [library.info.name]):  # without a command, list the commands
        words = [*words, "--help"]
    try:
        code = app([*own, *words], prog_name="metaadapter", standalone_mode=False)
        if code in SIGNALS:
            return _failed(_interrupted(arguments), ending_code(), arguments)
        return int(code or 0)
    except typer.TyperException as error:
        return _failed(_usage(error, arguments), error.exit_code, arguments)
    except Interrupted as error:
        return _failed(str(error), ending_code(), arguments)
    except MetaAdapterError as error:
        return _failed(str(error), error.exit_code, arguments)
    except Exception as error:
        if _is_debugged(arguments):
            raise
        if (refused := machine_error(error)) is not None:
            return _failed(str(refused), refused.exit_code, arguments)
        message = (
            f"unexpected {type(error).__name__}: {error}. This is a bug of metaadapter: report it, "
            "with the traceback that `metaadapter --debug …` (or METAADAPTER_DEBUG=1) prints"
        )
        return _failed(message, 1, arguments)


def _is_debugged(arguments: Sequence[str]) -> bool:
    return "--debug" in arguments or os.environ.get("METAADAPTER_DEBUG", "0") not in ("", "0")


def _print_version(is_given: bool) -> bool:
    if is_given:
        sys.stdout.write(f"metaadapter {metadata.version('metaadapter')}\n")
        raise Exit
    return is_given


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    json: Annotated[
        bool, Option("--json", help="Print the result as one JSON document on stdout.")
    ] = False,
    quiet: Annotated[
        bool, Option("--quiet", "-q", help="Print no notes and no progress bar.")
    ] = False,
    debug: Annotated[bool, Option("--debug", help="Print the traceback of an error.")] = False,
) -> None:
    """`main` reads them itself: they may stand anywhere, and an error may precede their parsing."""


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the options of the program, and the other arguments."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    own = [name for name in arguments[:end] if name in ANYWHERE]
    return own, [name for name in arguments[:end] if name not in ANYWHERE] + arguments[end:]


def _failed(message: str, code: int, arguments: Sequence[str]) -> int:
    Console().error(message)
    if "--json" in arguments:
        error = {"kind": KINDS[code], "message": message, "exit_code": code}
        print_document("error", {"error": error})
    return code


def _usage(error: typer.TyperException, arguments: Sequence[str]) -> str:
    from pydantic import ValidationError

    context = getattr(error, "ctx", None)
    # The error of an option without its value has no context.
    names = [name for name in arguments[:1] if name in {command.__name__ for command in COMMANDS}]
    path = " ".join(["metaadapter", *names]) if context is None else context.command_path
    message = error.format_message().replace("Value error, ", "").rstrip(".")
    # typer leaves out the value that is out of range.
    cause = error.__cause__
    value = f", got {cause.errors()[0]['input']!r}" if isinstance(cause, ValidationError) else ""
    return f"{message}{value}. See `{path} --help`."


def _interrupted(arguments: Sequence[str]) -> str:
    saved = {"encode": "pictures encoded so far", "evaluate": "cells measured so far"}
    work = next((saved[word] for word in arguments[:2] if word in saved), None)
    if work is None:
        return "interrupted"
    return (
        f"interrupted; the {work} are kept. To continue, give the same command again:\n"
        f"  {shlex.join(['metaadapter', *arguments])}"
    )
