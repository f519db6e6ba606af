"""`metaadapter train`: a generator from feature stores, by very many small tasks."""

from __future__ import annotations

import shlex
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from metaadapter.commands import options
from metaadapter.commands.console import Console, write_document
from metaadapter.commands.train_display import TrainingDisplay
from metaadapter.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from metaadapter.training import RunSummary, TrainConfig

__all__ = ["train"]


def train(
    config: Annotated[
        Path | None,
        typer.Argument(metavar="[CONFIG]", help="Configuration (.toml); optional with --resume."),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a value: --set optim.lr=0.002; repeatable."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="RUN", help="Folder of a new run.", show_default="runs/CONFIG"
        ),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with the run in this folder.")
    ] = None,
    device: Annotated[
        str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1, …: where to train.")
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
    from metaadapter import training

    console = Console(quiet=quiet, json_output=json_output)
    folder, settings = _open(config, changes or [], out, resume)
    go_on = _how_to_go_on(folder, device, config if settings.own_code else None)
    display = TrainingDisplay(settings.optim.steps)
    is_new = config is not None and resume is None
    try:
        with display.shown(silent=quiet or json_output), _stop_on_interrupt(display) as should_stop:
            summary = training.train(
                folder,
                settings,
                config_text=config.read_text(encoding="utf-8") if config and is_new else None,
                device=device,
                tell=display.tell,
                should_stop=should_stop,
            )
    except KeyboardInterrupt:
        if not (folder / "resolved.json").exists():
            raise Interrupted("interrupted before the first step") from None
        raise Interrupted(f"interrupted; what was saved last is kept. {go_on}") from None
    if summary.ending == "interrupted":
        kept = f"step {summary.step} of {summary.n_steps} is kept"
        raise Interrupted(f"interrupted; {kept}. {go_on}")
    if json_output:
        write_document("train", summary.to_dict())
    else:
        console.result(_report(summary))


def _open(
    config: Path | None, changes: list[str], out: Path | None, resume: Path | None
) -> tuple[Path, TrainConfig]:
    """The folder of the run and what it is to do."""
    from metaadapter.training import load_config, open_run

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


def _how_to_go_on(folder: Path, device: str, config: Path | None) -> str:
    command = ["metaadapter", "train", *([] if config is None else [str(config)])]
    command += ["--resume", str(folder), *([] if device == "auto" else ["--device", device])]
    return f"To go on from there:\n  {shlex.join(command)}"


@contextmanager
def _stop_on_interrupt(display: TrainingDisplay) -> Iterator[Callable[[], bool]]:
    """Let the first Ctrl-C end the run after the step at hand; a second one ends it at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set  # signals reach the main thread only
        return

    stopping = "stopping: the step at hand is finished and saved; Ctrl-C again stops at once"

    def stop(_number: int, _frame: FrameType | None) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)
        # It may have come while the same stream was being written to.
        with suppress(RuntimeError):
            display.say(stopping)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def _report(summary: RunSummary) -> str:
    lines = [f"{summary.run}: {summary.ending} at step {summary.step} of {summary.n_steps}"]
    if summary.n_skipped:
        lines.append(f"{summary.n_skipped} step(s) had no finite loss and were skipped")
    if summary.best and summary.before:
        lines.append(f"best at step {summary.best.step}; validation chooses by mean loss:")
        for name, found in (("best", summary.best), ("untrained", summary.before)):
            lines.append(
                f"  {name}: loss {found.mean_loss:.3f}, accuracy {found.mean_accuracy:.1%}"
            )
        lines.append("accuracy of the best, and untrained:")
        for kind, sets in summary.best.accuracy.items():
            for name, table in sets.items():
                untrained = summary.before.accuracy[kind][name]
                cells = [f"{n}: {table[n]:.1%} ({untrained[n]:.1%})" for n in table]
                lines.append(f"  held-out {kind}, {name}, by shots {'; '.join(cells)}")
    lines.append(f"generator {summary.generator} in {Path(summary.run) / 'best'}")
    return "\n".join(lines)
