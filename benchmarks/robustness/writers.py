"""All commands that write a folder, with the folder's state before, and its reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from benchmarks.robustness.artifacts import TRAINING
from benchmarks.robustness.materials import METHODS, Materials, must
from benchmarks.robustness.readers import (
    Content,
    kept_pictures,
    measured_cells,
    predicted_pictures,
    read_adapter,
    read_evaluation,
    read_library,
    read_report,
    read_store,
    read_table,
    read_training,
    trained_steps,
)
from metaadapter.training.config_file import load_config
from metaadapter.training.run import train

Command: TypeAlias = Callable[[Materials, Path], list[object]]


class Writer(NamedTuple):
    """A command that writes to a folder."""

    command: Command
    """The command line, which is run again after a kill."""
    read: Callable[[Path, Materials], Content | None]
    before: Callable[[Materials, Path], object] | None = None
    """Creates the folder before the command; `None` if there is no folder before it."""
    kept: Callable[[Path], set[Any]] = lambda _folder: set()
    """The finished parts of the work, which a kill must not remove."""
    is_whole: bool = True
    """Whether a reader gets all old files or all new ones, never a mixture."""
    once: bool = False
    """Whether the command refuses to run again when it is done."""


def _encode(pictures: str, *more: str) -> Command:
    options = ("--encoder=tiny,views=2", "--batch-size=4", "--workers=1", "--quiet", *more)
    return lambda materials, out: ["encode", getattr(materials, pictures), "--out", out, *options]


def _predict(table: str, *more: str) -> Command:
    return lambda materials, out: [
        *("predict", materials.animals, materials.pictures, "--out", out / table, "--quiet", *more)
    ]


def _train(materials: Materials, out: Path) -> list[object]:
    if (out / "resolved.json").exists():
        return ["train", "--resume", out, "--quiet"]
    return ["train", materials.config, "--out", out, "--device=cpu", "--quiet"]


def _interrupted_training(materials: Materials, out: Path) -> None:
    steps = iter((False, False, True))
    settings = load_config(materials.config)
    train(out, settings, config_text=TRAINING, device="cpu", should_stop=lambda: next(steps))


def _evaluate(n_seeds: int) -> Command:
    options = (*METHODS, f"--seeds={n_seeds}", "--quiet")
    return lambda materials, out: ["evaluate", materials.store, "--out", out, *options]


def adapt_command(store: str) -> Command:
    options = ("--no-text", "--quiet")
    return lambda materials, out: ["adapt", getattr(materials, store), "--out", out, *options]


def add_command(label: str, store: str) -> Command:
    return lambda materials, out: ["add", out, label, getattr(materials, store), "--quiet"]


def library_command(verb: str, name: str, adapter: str = "") -> Command:
    """The command line that adds, replaces or removes an entry of a library."""
    if verb == "remove":
        return lambda _, out: ["library", "remove", out, name, "--quiet"]
    more = ["--replace"] if verb == "replace" else []
    return lambda materials, out: [
        *("library", "add", out, getattr(materials, adapter), "--name", name, "--quiet", *more)
    ]


def _library(materials: Materials, out: Path) -> None:
    """Create a library of three entries."""
    for name, adapter in (("a", "adapter"), ("b", "other_adapter"), ("c", "adapter")):
        must(*library_command("add", name, adapter)(materials, out))


def _report(evaluation: str) -> Command:
    return lambda materials, out: ["report", getattr(materials, evaluation), "--out", out]


def _run(command: Command) -> Callable[[Materials, Path], object]:
    return lambda materials, out: must(*command(materials, out))


def _make_folder(_materials: Materials, out: Path) -> None:
    out.mkdir()


WRITERS = {
    "encode": Writer(_encode("pictures"), read_store, kept=kept_pictures),
    "encode more": Writer(
        _encode("pictures"), read_store, _run(_encode("some_pictures")), kept_pictures
    ),
    "encode a shard": Writer(_encode("tars", "--shard=2/3"), read_store, kept=kept_pictures),
    "merge": Writer(
        lambda materials, out: ["merge", *materials.shards, "--out", out, "--quiet"],
        read_store,
        once=True,
    ),
    **{
        f"predict {ending}": Writer(
            _predict(f"table.{ending}"), read_table, _make_folder, predicted_pictures
        )
        for ending in ("csv", "jsonl", "parquet")
    },
    "predict a shard": Writer(
        _predict("table.csv", "--shard=2/3"), read_table, _make_folder, predicted_pictures
    ),
    "merge tables": Writer(
        lambda materials, out: ["merge", *materials.table_shards, "--out", out / "table.csv"],
        read_table,
        _make_folder,
    ),
    "train": Writer(_train, read_training, kept=trained_steps),
    "train on": Writer(_train, read_training, _interrupted_training, trained_steps),
    "evaluate": Writer(_evaluate(2), read_evaluation, kept=measured_cells),
    "evaluate more": Writer(_evaluate(2), read_evaluation, _run(_evaluate(1)), measured_cells),
    "adapt": Writer(adapt_command("store"), read_adapter),
    "adapt over": Writer(adapt_command("store"), read_adapter, _run(adapt_command("other_store"))),
    "add": Writer(
        add_command("owl", "owls"), read_adapter, _run(adapt_command("store")), once=True
    ),
    "library add": Writer(
        library_command("add", "new", "adapter"), read_library, _library, once=True
    ),
    "library replace": Writer(library_command("replace", "b", "adapter"), read_library, _library),
    "library remove": Writer(library_command("remove", "b"), read_library, _library, once=True),
    "library": Writer(library_command("add", "first", "adapter"), read_library, once=True),
    "report": Writer(_report("evaluation"), read_report, is_whole=False),
    "report over": Writer(
        _report("evaluation"), read_report, _run(_report("older_evaluation")), is_whole=False
    ),
}
