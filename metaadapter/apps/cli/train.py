"""`metaadapter train`: a generator from feature stores, by very many small tasks."""

from __future__ import annotations

import shlex
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from typer import Argument, Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console, print_document
from metaadapter.apps.cli.signals import stop_at_first_signal
from metaadapter.data.plain_text import one_line
from metaadapter.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from metaadapter.training.config import TrainConfig
    from metaadapter.training.run import RunSummary
    from metaadapter.training.validation import Moment, Validation


def train(
    config: Annotated[
        Path | None,
        Argument(metavar="[CONFIG]", help="Configuration (.toml); optional with --resume."),
    ] = None,
    changes: Annotated[
        list[str] | None,
        Option(
            "--set", metavar="KEY=VALUE", help="Change a value: --set optim.lr=0.002; repeatable."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        Option(
            "--out", "-o", metavar="RUN", help="Folder of a new run.", show_default="runs/CONFIG"
        ),
    ] = None,
    resume: Annotated[
        Path | None, Option(metavar="RUN", help="Go on with the run in this folder.")
    ] = None,
    device: Annotated[
        str, Option(metavar="NAME", help="auto, cpu, cuda, cuda:1, …: where to train.")
    ] = "auto",
    json_output: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a generator on tasks drawn from feature stores.

    The run's folder holds the configuration, a log, the state to go on from, and in best/ the
    generator with the lowest mean loss on validation tasks. Ctrl-C saves the state and prints how
    to go on.
    """
    if config is None and resume is None:
        raise UsageError("give a configuration, or a run to go on with: --resume RUN")
    if resume is not None and out is not None:
        raise UsageError("a run goes on in its own folder: give --resume or --out, not both")
    from metaadapter.training.run import train as meta_train

    console = Console(quiet=quiet, json_output=json_output)
    folder, settings = _open(config, changes or [], out, resume)
    command = ["metaadapter", "train", *([str(config)] if config and settings.own_code else [])]
    command += ["--resume", str(folder), *([] if device == "auto" else ["--device", device])]
    go_on = f"To go on from there:\n  {shlex.join(command)}"
    display = Display(console, settings.optim.steps)
    try:
        with (
            display.shown(),
            stop_at_first_signal(partial(_tell_stopping, console)) as should_stop,
        ):
            summary = meta_train(
                folder,
                settings,
                config_text=config.read_text(encoding="utf-8") if config and not resume else None,
                device=device,
                tell=display.tell,
                should_stop=should_stop,
            )
    except KeyboardInterrupt:
        if not (folder / "resolved.json").exists():
            raise Interrupted("interrupted before the first step") from None
        raise Interrupted(f"interrupted; what was saved last is kept. {go_on}") from None
    if summary.ending == "interrupted":
        raise Interrupted(f"interrupted; step {summary.step} of {summary.n_steps} is kept. {go_on}")
    if json_output:
        print_document("train", summary.to_dict())
    else:
        console.result(*_report(summary))


def _open(
    config: Path | None, changes: list[str], out: Path | None, resume: Path | None
) -> tuple[Path, TrainConfig]:
    """The folder of the run and what it is to do."""
    from metaadapter.training.config_file import load_config, open_run

    if config is not None:
        return resume or out or Path("runs") / config.stem, load_config(config, changes)
    assert resume is not None
    settings = open_run(resume, changes)
    if settings.own_code:
        raise UsageError(
            f"the run {resume} is of code of one's own, {', '.join(settings.own_code)}, and no "
            "folder makes code run by itself. If you trust that code, give the configuration "
            f"that names it too: metaadapter train CONFIG --resume {shlex.quote(str(resume))}"
        )
    return resume, settings


def _tell_stopping(console: Console) -> None:
    # It may have come while the same stream was being written to.
    with suppress(RuntimeError):
        console.say("stopping: the step at hand is finished and saved; Ctrl-C again stops at once")


@final
class Display:
    """A table on a terminal; where stderr is none, one line for each validation.

    Args:
        console: shows neither of them if it is silent.
        n_steps: the number of steps of the whole run.
    """

    def __init__(self, console: Console, n_steps: int) -> None:
        self._console = console
        self._n_steps = n_steps
        self._started = time.monotonic()
        self._first: Moment | None = None
        self._latest: Moment | None = None
        self._validation: Validation | None = None

    def shown(self) -> AbstractContextManager[Any]:
        """Keep the table up to date while the block runs."""
        stderr = self._console.stderr
        if self._console.silent or not stderr.is_terminal:
            return nullcontext()
        return Live(get_renderable=self._table, console=stderr, refresh_per_second=4)

    def tell(self, moment: Moment) -> None:
        """Take what the run tells."""
        self._first = self._first or moment
        self._latest = moment
        self._validation = moment.validation or self._validation
        if moment.validation and not (self._console.silent or self._console.stderr.is_terminal):
            self._console.note(self._line(moment, moment.validation))

    def _line(self, moment: Moment, validation: Validation) -> str:
        terms = ", ".join(f"{name} {term:.3f}" for name, term in moment.terms.items())
        by_shots = ", ".join(f"{n}: {each:.1%}" for n, each in validation.by_shots.items())
        parts = (
            f"step {moment.step} of {self._n_steps}",
            terms and f"loss {terms}",
            f"validation loss {validation.mean_loss:.3f}, accuracy "
            f"{validation.mean_accuracy:.1%} (by shots {by_shots})",
            self._speed(moment),
        )
        return "; ".join(filter(None, parts))

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        if (moment := self._latest) is None or self._first is None:
            table.add_row("reading the feature stores and validating the generator as it starts …")
            return table
        step = f"{moment.step} of {self._n_steps}"
        table.add_row("step", step, ProgressBar(self._n_steps, moment.step, width=30))
        for name, term in moment.terms.items():
            table.add_row(Text(one_line(f"loss {name}")), f"{term:.3f}")
        if self._validation:
            before = self._first.validation if self._first.step == 0 else None
            table.add_row("validation loss", f"{self._validation.mean_loss:.3f}")
            for n_shot, accuracy in self._validation.by_shots.items():
                gain = 100 * (accuracy - before.by_shots[n_shot]) if before else None
                told = "" if gain is None else f"{gain:+.1f} points since step 0"
                table.add_row(f"{n_shot} shot(s)", f"{accuracy:.1%}", told)
        if speed := self._speed(moment):
            table.add_row("", speed)
        if moment.n_skipped:
            table.add_row("", f"{moment.n_skipped} step(s) skipped: not finite, or no pool")
        return table

    def _speed(self, moment: Moment) -> str:
        """Tasks a second, and time left; nothing before the first step."""
        if moment.step == 0 or self._first is None:
            return ""
        n_done = moment.step - max(0, self._first.step - 1)
        each = (time.monotonic() - self._started) / n_done
        left = int(each * (self._n_steps - moment.step))
        return f"{moment.tasks_per_second:,.0f} tasks/s, {left // 60}:{left % 60:02} left"


def _report(summary: RunSummary) -> list[str]:
    lines = [f"{summary.run}: {summary.ending} at step {summary.step} of {summary.n_steps}"]
    if summary.n_skipped:
        lines.append(
            f"{summary.n_skipped} step(s) had no finite loss, or no pool, and were skipped"
        )
    if summary.best and summary.before:
        lines.append(f"best at step {summary.best.step}; validation chooses by mean loss:")
        for name, found in (("best", summary.best), ("at the start", summary.before)):
            lines.append(
                f"  {name}: loss {found.mean_loss:.3f}, accuracy {found.mean_accuracy:.1%}"
            )
        lines.append("accuracy of the best, and at the start:")
        for kind, sets in summary.best.accuracy.items():
            for name, table in sets.items():
                untrained = summary.before.accuracy[kind][name]
                cells = [f"{n}: {table[n]:.1%} ({untrained[n]:.1%})" for n in table]
                lines.append(f"  held-out {kind}, {name}, by shots {'; '.join(cells)}")
    lines.append(f"generator {summary.generator} in {Path(summary.run) / 'best'}")
    return lines
