"""`metaadapter train`: train a generator on many small tasks drawn from feature stores."""

from __future__ import annotations

import os
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from metaadapter.apps.cli.command_guard import Excludes, Output
from metaadapter.apps.cli.console import Console, Count
from metaadapter.apps.cli.process import keep_freed_memory, stop_at_first_signal
from metaadapter.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from metaadapter.training.config import TrainConfig
    from metaadapter.training.figures import Moment
    from metaadapter.training.run_summary import RunSummary


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
Resume = Annotated[
    Path | None,
    Option(metavar="RUN", help="Continue the run in this folder."),
    Excludes(("--out",)),
]
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
    command that continues the run.
    """
    if config is None and resume is None:
        raise UsageError("give a configuration, or a run to continue: --resume RUN")
    keep_freed_memory()
    console = Console()
    folder, settings = _open(config, changes or [], out, resume)
    summary = _train(console, folder, settings, config, resume, device)
    console.show_result("train", summary.to_dict(), *_summary_lines(summary))


def _train(
    console: Console,
    folder: Path,
    settings: TrainConfig,
    config: Path | None,
    resume: Path | None,
    device: str,
) -> RunSummary:
    from metaadapter.training.run import train as meta_train

    command = ["metaadapter", "train", *([str(config)] if config and settings.generator else [])]
    command += ["--resume", str(folder), *([] if device == "auto" else ["--device", device])]
    how_to_continue = f"To continue:\n  {shlex.join(command)}"
    try:
        with (
            console.counting("reading the feature stores") as count,
            stop_at_first_signal(partial(_announce_stop, console)) as should_stop,
        ):
            summary = meta_train(
                folder,
                settings,
                config_text=config.read_text(encoding="utf-8") if config and not resume else None,
                device=device,
                tell=partial(_show, console, count, settings.optim.steps),
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


def _open(
    config: Path | None, changes: list[str], out: Path | None, resume: Path | None
) -> tuple[Path, TrainConfig]:
    from metaadapter.training.config_file import load_config
    from metaadapter.training.run_folder import open_run

    if config is not None:
        return resume or out or Path("runs") / config.stem, load_config(config, changes)
    assert resume is not None
    settings = open_run(resume, changes)
    if settings.generator:
        raise UsageError(
            f"the run {resume} uses code outside metaadapter, {settings.generator}, and "
            "--resume alone never runs such code. If you trust it, also give the configuration "
            f"that names it: metaadapter train CONFIG --resume {shlex.quote(str(resume))}"
        )
    return resume, settings


def _announce_stop(console: Console) -> None:
    message = "stopping after this step, which is saved; Ctrl-C again stops at once"
    try:
        console.say(message)
    except RuntimeError:  # the signal interrupts a write to the same stream
        os.write(sys.stderr.fileno(), f"{message}\n".encode())


def _show(console: Console, count: Count, n_steps: int, moment: Moment) -> None:
    """Show the step on the bar, and note a validation in a line."""
    losses = _losses(moment)
    count(moment.step, n_steps)
    count.describe("; ".join(filter(None, ("training", losses))))
    if moment.validation and not console.silent:
        by_shots = [f"{n}: {mean:.1%}" for n, mean in moment.validation.by_shots.items()]
        parts = (
            f"step {moment.step} of {n_steps}",
            losses,
            f"validation loss {moment.validation.mean_loss:.3f}, accuracy "
            f"{moment.validation.mean_accuracy:.1%} (by shots {', '.join(by_shots)})",
            f"{moment.tasks_per_second:,.0f} tasks/s" if moment.step else "",
        )
        console.note("; ".join(filter(None, parts)))


def _losses(moment: Moment) -> str:
    terms = ", ".join(f"{name} {term:.3f}" for name, term in moment.terms.items())
    return terms and f"loss {terms}"


def _summary_lines(summary: RunSummary) -> list[str]:
    lines = [f"{summary.run}: {summary.ending} at step {summary.step} of {summary.n_steps}"]
    if summary.n_skipped:
        lines.append(f"{summary.n_skipped} step(s) were skipped: loss not finite, or no pool")
    if summary.best and summary.before:
        lines.append(f"best at step {summary.best.step}, with the lowest mean validation loss:")
        for name, of_all in (("best", summary.best), ("at the start", summary.before)):
            loss, accuracy = of_all.mean_loss, of_all.mean_accuracy
            lines.append(f"  {name}: loss {loss:.3f}, accuracy {accuracy:.1%}")
    lines.append(f"generator {summary.generator} in {Path(summary.run) / 'best'}")
    return lines
