"""`metaadapter train`: train a generator on many small tasks drawn from feature stores."""

from __future__ import annotations

import os
import shlex
import sys
import time
import warnings
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from typer import Argument, Exit, Option

from metaadapter.apps.cli.console import Console
from metaadapter.apps.cli.outputs import Output
from metaadapter.apps.cli.process import keep_freed_memory, stop_at_first_signal
from metaadapter.data.plain_text import one_line
from metaadapter.errors import Interrupted, MetaAdapterError, UsageError

if TYPE_CHECKING:
    from metaadapter.training.config import TrainConfig
    from metaadapter.training.run_summary import RunSummary
    from metaadapter.training.validation import Moment, Validation


Config = Annotated[
    Path | None,
    Argument(metavar="[CONFIG]", help="Configuration (.toml); optional with --resume."),
]
Changes = Annotated[
    list[str] | None,
    Option("--set", metavar="KEY=VALUE", help="Change a value, as in optim.lr=0.002. Repeatable."),
]
Out = Annotated[
    Path | None,
    Option("--out", "-o", metavar="RUN", help="Folder of a new run.", show_default="runs/CONFIG"),
    Output(),
]
Resume = Annotated[Path | None, Option(metavar="RUN", help="Continue the run in this folder.")]
Device = Annotated[str, Option(metavar="NAME", help="Where to train: auto, cpu, cuda, cuda:1, …")]


def train(
    config: Config = None,
    changes: Changes = None,
    out: Out = None,
    resume: Resume = None,
    device: Device = "auto",
) -> None:
    """Train a generator on tasks drawn from feature stores.

    The folder of the run holds the configuration, a log, the state of the run, and in best/ the
    generator with the lowest mean loss on validation tasks. Ctrl-C saves the state and prints the
    command that continues the run. `torchrun --nproc-per-node 2 -m metaadapter train CONFIG` trains
    with two processes, which share the tasks of each step.
    """
    if config is None and resume is None:
        raise UsageError("give a configuration, or a run to continue: --resume RUN")
    if resume is not None and out is not None:
        raise UsageError("--resume continues a run in its folder: give --resume or --out, not both")
    from metaadapter.training.processes import OtherProcessFailed, launched

    keep_freed_memory()
    rank = launched()[0]
    console = Console(quiet=rank > 0)
    if rank > 0:
        warnings.simplefilter("ignore")  # the first process has the same ones
    folder, settings = _open(config, changes or [], out, resume)
    try:
        summary = _train(console, folder, settings, config, resume, device, rank)
    except MetaAdapterError as error:
        if rank == 0:
            raise
        if not isinstance(error, OtherProcessFailed | Interrupted):
            console.error(f"process {rank}: {error}")
        # torchrun ends the others at once if one fails, even while the first one still writes.
        raise Exit(int(not isinstance(error, Interrupted))) from None
    if rank == 0:
        console.show_result("train", summary.to_dict(), *_summary_lines(summary))


def _train(
    console: Console,
    folder: Path,
    settings: TrainConfig,
    config: Path | None,
    resume: Path | None,
    device: str,
    rank: int,
) -> RunSummary:
    from metaadapter.training.run import train as meta_train

    command = [*_launcher(), "train", *([str(config)] if config and settings.own_code else [])]
    command += ["--resume", str(folder), *([] if device == "auto" else ["--device", device])]
    how_to_continue = f"To continue:\n  {shlex.join(command)}"
    display = Display(console, settings.optim.steps)
    try:
        with (
            display.live(),
            stop_at_first_signal(partial(_announce_stop, console, rank)) as should_stop,
        ):
            summary = meta_train(
                folder,
                settings,
                config_text=config.read_text(encoding="utf-8") if config and not resume else None,
                device=device,
                tell=display.update,
                should_stop=should_stop,
            )
    except KeyboardInterrupt:
        if not (folder / "resolved.json").exists():
            raise Interrupted("interrupted before the first step") from None
        raise Interrupted(f"interrupted; the last saved state is kept. {how_to_continue}") from None
    if summary.ending == "interrupted":
        reached = f"step {summary.step} of {summary.n_steps}"
        raise Interrupted(f"interrupted; {reached} is kept. {how_to_continue}")
    return summary


def _launcher() -> list[str]:
    """Return the command, without its arguments, that starts as many processes as there are."""
    n_here, n_machines = (
        os.environ.get(name, "1") for name in ("LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE")
    )
    if (n_here, n_machines) == ("1", "1"):
        return ["metaadapter"]
    machines = []
    if n_machines != "1":
        # The port is torchrun's usual one; it hands on no other.
        meeting = f"{os.environ.get('MASTER_ADDR', 'FIRST_MACHINE')}:29400"
        machines = ["--nnodes", n_machines, "--rdzv-backend", "c10d", "--rdzv-endpoint", meeting]
    return ["torchrun", *machines, "--nproc-per-node", n_here, "-m", "metaadapter"]


def _open(
    config: Path | None, changes: list[str], out: Path | None, resume: Path | None
) -> tuple[Path, TrainConfig]:
    from metaadapter.training.config_file import load_config
    from metaadapter.training.run_folder import open_run

    if config is not None:
        return resume or out or Path("runs") / config.stem, load_config(config, changes)
    assert resume is not None
    settings = open_run(resume, changes)
    if settings.own_code:
        raise UsageError(
            f"the run {resume} uses code outside metaadapter, {', '.join(settings.own_code)}, and "
            "--resume alone never runs such code. If you trust it, also give the configuration "
            f"that names it: metaadapter train CONFIG --resume {shlex.quote(str(resume))}"
        )
    return resume, settings


def _announce_stop(console: Console, rank: int) -> None:
    if rank > 0:
        return
    message = "stopping after this step, which is saved; Ctrl-C again stops at once"
    try:
        console.say(message)
    except RuntimeError:  # the signal interrupts a write to the same stream
        os.write(sys.stderr.fileno(), f"{message}\n".encode())


@final
class Display:
    """A live table if stderr is a terminal, otherwise one line for each validation."""

    def __init__(self, console: Console, n_steps: int) -> None:
        self._console = console
        self._n_steps = n_steps
        self._started = time.monotonic()
        self._first: Moment | None = None
        self._latest: Moment | None = None
        self._validation: Validation | None = None

    def live(self) -> AbstractContextManager[Any]:
        """Keep the table up to date while the block runs."""
        stderr = self._console.stderr
        if self._console.silent or not stderr.is_terminal:
            return nullcontext()
        return Live(get_renderable=self._table, console=stderr, refresh_per_second=4)

    def update(self, moment: Moment) -> None:
        """Show a new moment of the run."""
        self._first = self._first or moment
        self._latest = moment
        self._validation = moment.validation or self._validation
        if moment.validation and not (self._console.silent or self._console.stderr.is_terminal):
            self._console.note(self._line(moment, moment.validation))

    def _line(self, moment: Moment, validation: Validation) -> str:
        terms = ", ".join(f"{name} {term:.3f}" for name, term in moment.terms.items())
        by_shots = ", ".join(f"{n}: {mean:.1%}" for n, mean in validation.by_shots.items())
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
            table.add_row("reading the feature stores and validating the initial generator …")
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
                change = "" if gain is None else f"{gain:+.1f} points since step 0"
                table.add_row(f"{n_shot} shot(s)", f"{accuracy:.1%}", change)
        if speed := self._speed(moment):
            table.add_row("", speed)
        if moment.n_skipped:
            table.add_row("", f"{moment.n_skipped} step(s) skipped: loss not finite, or no pool")
        return table

    def _speed(self, moment: Moment) -> str:
        """Tasks per second and the time left; "" before the first step."""
        if moment.step == 0 or self._first is None:
            return ""
        n_done = moment.step - max(0, self._first.step - 1)
        seconds_per_step = (time.monotonic() - self._started) / n_done
        left = int(seconds_per_step * (self._n_steps - moment.step))
        return f"{moment.tasks_per_second:,.0f} tasks/s, {left // 60}:{left % 60:02} left"


def _summary_lines(summary: RunSummary) -> list[str]:
    lines = [f"{summary.run}: {summary.ending} at step {summary.step} of {summary.n_steps}"]
    if summary.n_skipped:
        lines.append(f"{summary.n_skipped} step(s) were skipped: loss not finite, or no pool")
    if summary.best and summary.before:
        lines.append(f"best at step {summary.best.step}, with the lowest mean validation loss:")
        for name, of_all in (("best", summary.best), ("at the start", summary.before)):
            loss, accuracy = of_all.mean_loss, of_all.mean_accuracy
            lines.append(f"  {name}: loss {loss:.3f}, accuracy {accuracy:.1%}")
        lines.append("accuracy of the best (and at the start):")
        for kind, sets in summary.best.accuracy.items():
            for name, table in sets.items():
                untrained = summary.before.accuracy[kind][name]
                cells = [f"{n}: {table[n]:.1%} ({untrained[n]:.1%})" for n in table]
                lines.append(f"  held-out {kind}, {name}, by shots {'; '.join(cells)}")
    lines.append(f"generator {summary.generator} in {Path(summary.run) / 'best'}")
    return lines
