"""What commands say: results go to stdout, everything else for people to stderr."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, final

from rich.console import Console as RichConsole

from metaadapter.data.plain_text import one_line
from metaadapter.data.strict_json import json_text

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from metaadapter.data.inputs import UnreadableImage
    from metaadapter.features.encoding_loop import Progress

MAX_LISTED = 10
# Between the lines of an error, which is one text. A name in it can begin no line as messages do.
OWN_BREAK = "\n  "
FOR_PROGRAMMERS = (
    DeprecationWarning,
    FutureWarning,
    ImportWarning,
    PendingDeprecationWarning,
    ResourceWarning,
)
STAGES = {
    "times": "reading times",
    "hash": "comparing",
    "encode": "encoding",
    "captions": "encoding captions",
    "read": "reading features",
    "tune": "training",
}


@final
class Console:
    r"""The voice of one run of a command.

    What it prints is given line by line: a break within a line is a name's, and is shown as `\n`.

    Args:
        quiet: leave out notes and progress; warnings stay.
        json_output: the result is one JSON document, so there is no progress bar either.

    Attributes:
        stdout: where results go.
        stderr: where all else goes.
        silent: whether there is to be nothing but the result and warnings.
    """

    def __init__(self, *, quiet: bool = False, json_output: bool = False) -> None:
        self._quiet = quiet
        self.stdout = RichConsole()
        self.stderr = RichConsole(stderr=True)
        self.silent = quiet or json_output

    def say(self, *lines: str, style: str = "") -> None:
        """Print lines on stderr, none broken: a path survives being copied from a narrow window."""
        _print(self.stderr, lines, style)

    def note(self, *lines: str) -> None:
        """Tell something that helps, on stderr."""
        if lines and not self._quiet:
            self.say(*lines)

    def warn(self, first: str, *lines: str) -> None:
        """Tell something that may hurt, on stderr."""
        self.say(f"warning: {first}", *lines, style="yellow")

    def error(self, text: str) -> None:
        """Tell why the command ends, on stderr."""
        first, *others = text.split(OWN_BREAK)
        self.say(f"error: {first}", *(f"  {line}" for line in others), style="red")

    def note_all(self, heading: str, items: Sequence[object]) -> None:
        """Tell several things of a kind: the first ten, then how many more."""
        if items:
            self.note(heading, *_listed(items))

    def warn_of(self, heading: str, items: Sequence[object]) -> None:
        """Warn of several things of a kind: the first ten, then how many more."""
        if items:
            self.warn(heading, *_listed(items))

    def warn_of_pictures(
        self, which: str, warnings: Sequence[str], unreadable: Sequence[UnreadableImage]
    ) -> None:
        """Warn of what was noticed about pictures, and of those that cannot be read."""
        self.warn_of(f"about {which} pictures:", warnings)
        reasons = [f"{picture.path}: {picture.reason}" for picture in unreadable]
        self.warn_of(f"left out, because unreadable: {len(reasons)}", reasons)

    def result(self, *lines: str) -> None:
        """Print lines of the result, on stdout."""
        _print(self.stdout, lines)

    @contextmanager
    def progress(self) -> Iterator[Callable[[Progress], None]]:
        """A bar with rate and time left while a block runs; silent unless a person is watching."""
        with self._bar("{task.fields[speed]}", self.stderr) as bar:
            tasks: dict[str, Any] = {}

            def show(moment: Progress) -> None:
                stage = moment.stage
                if stage not in tasks:
                    for finished in tasks.values():
                        bar.update(finished, visible=False)
                    tasks[stage] = bar.add_task(STAGES[stage], total=moment.total, speed="")
                speed = f"{moment.rate:,.0f}/s" if moment.rate >= 10 else f"{moment.rate:.1f}/s"
                speed = speed if moment.rate else ""
                bar.update(tasks[stage], completed=moment.done, total=moment.total, speed=speed)

            yield show

    @contextmanager
    def counting(
        self, description: str, *, below_results: bool = False
    ) -> Iterator[Callable[[int, int], None]]:
        """A bar of work done with the time left; silent unless a person is watching.

        Args:
            description: What is being done.
            below_results: Lines of the result are printed meanwhile, above the bar.
        """
        # Two consoles on one terminal would write into one another's lines.
        on_stdout = below_results and self.stdout.is_terminal
        with self._bar("{task.elapsed:.0f} s", self.stdout if on_stdout else self.stderr) as bar:
            task = bar.add_task(description, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    def _bar(self, measure: str, console: RichConsole) -> Bars:
        from rich import progress as bars

        columns = (
            bars.TextColumn("{task.description}"),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TextColumn(measure),
            bars.TimeRemainingColumn(),
        )
        unseen = self.silent or not console.is_terminal
        return bars.Progress(*columns, console=console, transient=True, disable=unseen)


def write_document(command: str, content: Mapping[str, Any]) -> None:
    """Print one JSON document, the name of its schema first: `metaadapter.<command>/1`."""
    document = {"schema": f"metaadapter.{command}/1", **content}
    # ASCII reaches any terminal and pipe whole, names of undecodable bytes included.
    sys.stdout.write(json_text(document, indent=2) + "\n")


def quarantined_json(pictures: Sequence[UnreadableImage]) -> list[dict[str, str]]:
    """The JSON form of pictures that cannot be read."""
    return [{"path": str(picture.path), "reason": picture.reason} for picture in pictures]


@contextmanager
def calm_warnings() -> Iterator[None]:
    """Within the block, a library's warning is one line on stderr, without its place in code."""

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


def _listed(items: Sequence[object]) -> list[str]:
    shown = [f"  {item}" for item in items[:MAX_LISTED]]
    if len(items) > MAX_LISTED:
        shown.append(f"  … and {len(items) - MAX_LISTED} more (all of them with --json)")
    return shown
