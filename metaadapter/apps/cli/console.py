"""The output of commands: results on stdout, notes, warnings, errors and progress on stderr."""

from __future__ import annotations

import csv
import sys
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple, final

from rich.console import Console as RichConsole
from rich.markup import escape

from metaadapter.files.plain_text import in_csv, one_line
from metaadapter.files.progress import Progress, showing
from metaadapter.files.strict_json import json_text

if TYPE_CHECKING:
    from rich.progress import TaskID

    from metaadapter.apps.cli.bar import TitledBar
    from metaadapter.data.inputs import UnreadableImage

MAX_LISTED = 10
# Separates the lines of an error. A file name may contain a line break, but not this separator.
LINE_BREAK = "\n  "
FOR_PROGRAMMERS = (
    DeprecationWarning,
    FutureWarning,
    ImportWarning,
    PendingDeprecationWarning,
    ResourceWarning,
)
STAGES = {
    "times": "reading times",
    "encode": "encoding",
    "texts": "encoding class names",
    "read": "reading features",
    "merge": "merging",
    "tune": "training",
}


class OutputForm(NamedTuple):
    """With `quiet` there are no notes and no progress; with `json` the result is one document."""

    quiet: bool = False
    json: bool = False


_form: ContextVar[OutputForm | None] = ContextVar("form", default=None)


def choose_output(form: OutputForm) -> None:
    """Set the form of the output of the command that runs now."""
    _form.set(form)


@final
class Console:
    r"""The output of one run of a command, in the form that `choose_output` set.

    A line break within a line, which can only be part of a name, is printed as `\n`.
    """

    def __init__(self) -> None:
        form = _form.get() or OutputForm()
        self._quiet, self.json_output = form.quiet, form.json
        self.stdout = RichConsole()
        self.stderr = RichConsole(stderr=True)
        self.silent = form.quiet or form.json

    def say(self, *lines: str, style: str = "") -> None:
        """Print lines on stderr without wrapping, so that a path can be copied from a terminal."""
        _print(self.stderr, lines, style)

    def note(self, *lines: str) -> None:
        """Print helpful lines on stderr, unless `quiet`."""
        if lines and not self._quiet:
            self.say(*lines)

    def warn(self, first: str, *lines: str) -> None:
        """Print a warning on stderr."""
        self.say(f"warning: {first}", *lines, style="yellow")

    def error(self, text: str) -> None:
        """Print the error that ends the command on stderr."""
        first, *others = text.split(LINE_BREAK)
        self.say(f"error: {first}", *(f"  {line}" for line in others), style="red")

    def warn_of(self, heading: str, items: Sequence[object]) -> None:
        """Warn of several items: the first ten, then how many more there are."""
        if items:
            self.warn(heading, *listed(items))

    def warn_of_pictures(
        self, which: str, warnings: Sequence[str], unreadable: Sequence[UnreadableImage]
    ) -> dict[str, Any]:
        """Warn about pictures and list the unreadable ones; return both for a JSON document."""
        self.warn_of(f"about {which} pictures:", warnings)
        reasons = [f"{picture.path}: {picture.reason}" for picture in unreadable]
        self.warn_of(f"left out, because unreadable: {len(reasons)}", reasons)
        left_out = [{"path": picture.path, "reason": picture.reason} for picture in unreadable]
        return {"warnings": [*warnings], "quarantined": left_out}

    def result(self, *lines: str) -> None:
        """Print lines of the result on stdout."""
        _print(self.stdout, lines)

    def show_result(
        self, command: str, document: Mapping[str, Any], *lines: str, notes: Sequence[str] = ()
    ) -> None:
        """Print the whole result: with --json the document, otherwise the lines and the notes."""
        if self.json_output:
            print_document(command, document)
        else:
            self.result(*lines)
            self.note(*notes)

    def show_table(
        self,
        command: str,
        document: Mapping[str, Any],
        titles: Sequence[str],
        rows: Sequence[Sequence[object]],
        **look: Any,
    ) -> None:
        """Print the whole result: with --json the document, otherwise a table."""
        if self.json_output:
            print_document(command, document)
        else:
            self.table(titles, rows, **look)

    def table(
        self,
        titles: Sequence[str],
        rows: Sequence[Sequence[object]],
        *,
        right: Collection[str] = (),
        dim: Sequence[bool] = (),
    ) -> None:
        """Print rows on stdout: under titles on a terminal, tab-separated without titles elsewhere.

        A float has four decimals.
        """
        if not self.stdout.is_terminal:
            _write_tsv(rows)
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for title in titles:
            table.add_column(
                Text(one_line(title)),
                justify="right" if title in right else "left",
                overflow="fold",
            )
        for row, is_dim in zip(rows, dim or [False] * len(rows), strict=True):
            cells = (f"{cell:,}" if isinstance(cell, int) else _text(cell) for cell in row)
            table.add_row(
                *(Text(one_line(cell)) for cell in cells), style="dim" if is_dim else None
            )
        self.stdout.print(table)

    @contextmanager
    def progress(self) -> Iterator[None]:
        """Show a bar with the rate and the time left, only on a terminal."""
        with self._bar("{task.fields[speed]}") as bar:
            task, stage = bar.add_task("", total=None, speed="", visible=False), ""

            def show(moment: Progress) -> None:
                nonlocal stage
                if moment.stage != stage:
                    stage = moment.stage
                    bar.reset(task, description=STAGES[stage], visible=True)
                digits = 0 if moment.rate >= 10 else 1
                speed = f"{moment.rate:,.{digits}f}/s" if moment.rate else ""
                bar.update(task, completed=moment.done, total=moment.total, speed=speed)

            with showing(show):
                yield

    @contextmanager
    def counting(self, description: str) -> Iterator[Count]:
        """Show a bar with the work done and the time left, only on a terminal."""
        with self._bar("{task.elapsed:.0f} s") as bar:
            yield Count(bar, bar.add_task(description, total=None))

    def _bar(self, measure: str) -> TitledBar:
        from rich import progress as bars

        from metaadapter.apps.cli.bar import TitledBar

        columns = (
            bars.TextColumn("{task.description}"),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TextColumn(measure),
            bars.TimeRemainingColumn(),
        )
        hidden = self.silent or not self.stderr.is_terminal
        return TitledBar(*columns, console=self.stderr, transient=True, disable=hidden)


@final
class Count:
    """The bar that `Console.counting` shows."""

    def __init__(self, bar: TitledBar, task: TaskID) -> None:
        self._bar, self._task = bar, task

    def __call__(self, done: int, total: int) -> None:
        """Show how much of the work is done."""
        self._bar.update(self._task, completed=done, total=total)

    def describe(self, text: str) -> None:
        """Show what is being done, to the left of the bar."""
        self._bar.update(self._task, description=escape(one_line(text)))


def print_document(command: str, content: Mapping[str, Any]) -> None:
    """Print one JSON document, which begins with its schema: `metaadapter.<command>/1`.

    Paths become texts; a value with `to_dict`, or another dataclass, becomes an object.
    """
    document = {"schema": f"metaadapter.{command}/1", **content}
    # Any terminal or pipe takes ASCII, even for file names of undecodable bytes.
    sys.stdout.write(json_text(document, indent=2, default=_plain) + "\n")


def _plain(value: Any) -> object:
    if isinstance(value, PurePath):
        return str(value)
    return value.to_dict() if hasattr(value, "to_dict") else asdict(value)


@contextmanager
def calm_warnings() -> Iterator[None]:
    """Print a warning of a Python package as one line on stderr, without its place in the code."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        Console().warn(" ".join(str(message).split()))

    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.resetwarnings()
            for category in FOR_PROGRAMMERS:
                warnings.simplefilter("ignore", category)
        warnings.showwarning = show
        yield


def _print(stream: RichConsole, lines: Sequence[str], style: str = "") -> None:
    text = "\n".join(map(one_line, lines))
    stream.print(text, style=style, markup=False, emoji=False, highlight=False, soft_wrap=True)


def listed(items: Sequence[object]) -> list[str]:
    """The lines of several items: the first ten, then how many more there are."""
    lines = [f"  {item}" for item in items[:MAX_LISTED]]
    if len(items) > MAX_LISTED:
        lines.append(f"  … and {len(items) - MAX_LISTED} more (--json lists all)")
    return lines


def _text(cell: object) -> str:
    return f"{cell:.4f}" if isinstance(cell, float) else str(cell)


def _write_tsv(rows: Sequence[Sequence[object]]) -> None:
    writer = csv.writer(sys.stdout, "excel-tab", lineterminator="\n")
    writer.writerows([_tsv_cell(cell) for cell in row] for row in rows)


def _tsv_cell(cell: object) -> str:
    """The text of a cell; a name never becomes a formula, and a negative number stays a number."""
    return _text(cell) if isinstance(cell, float) else in_csv(one_line(_text(cell)))
