"""One artifact of each kind, and the commands that use it."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import pandas as pd

from metaadapter import FeatureStore
from metaadapter.apps.cli.app import main
from metaadapter.generator.adapter_generator import save_generator
from metaadapter.generator.pretrained import load_generator
from metaadapter.training.config_file import load_config
from metaadapter.training.run import train
from metaadapter.workflow.prediction.prediction_table import PredictionTable

CLASSES = ("heron", "lynx", "red_fox")
WIDTH = 16
SKILL = "animals.adapter"
LONGEST_SECONDS = 60
EVALUATION = ("--methods=closed-form,zero-shot", "--shots=1,2", "--seeds=2", "--jobs=1", "--json")
# Keys whose values differ between two runs of a command: times, places of files, and the number of
# cells that were measured; and sizes of files, which are told as they are.
VARYING = (
    *("measured", "bytes", "second", "time", "ms"),
    *("adapter", "folder", "out", "run", "page", "store"),
)
MEASUREMENTS = ("_seconds", "_mib")
TRAINING = f"""\
[[data.sources]]
name = "gaussians"
synthetic = {{ n_classes = 8, width = {WIDTH} }}
[[data.validation_classes]]
name = "other gaussians"
synthetic = {{ n_classes = 8, width = {WIDTH}, seed = 1 }}
[episodes]
n_way = [2, 4]
n_shot = [1, 3]
n_query = 2
[optim]
steps = 4
tasks_per_draw = 2
[validate]
every = 2
tasks = 4
"""


class Answer(NamedTuple):
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str = ""


class Artifact(NamedTuple):
    """The functions that make an artifact and use it."""

    make: Callable[[Path, Path], object]
    """Makes the artifact in a new folder, its first argument, from a feature store, its second."""
    ask: Callable[[Path, Path, Path], Iterator[Answer]]
    """Uses the artifact, its first argument, with the store and a new folder for output."""


def run(*arguments: object) -> Answer:
    """Run the program in this process; if it hangs, it ends after a minute with an error."""
    out, err = io.StringIO(), io.StringIO()
    with (
        time_limit(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = main([str(argument) for argument in arguments])
    return Answer(code, _without_varying_keys(out.getvalue()), err.getvalue())


def make_store(folder: Path, _store: Path | None = None) -> None:
    """Create a store of three classes of six pictures in two views, centred on their texts."""
    rng = np.random.default_rng(0)
    texts = {name: rng.standard_normal(WIDTH) for name in CLASSES}
    labels = [name for name in CLASSES for _ in range(6)]
    near = np.stack([texts[label] for label in labels])[:, None]
    features = near + 2 * rng.standard_normal((len(labels), 2, WIDTH))
    groups = [f"night {number % 6}" for number in range(len(labels))]
    FeatureStore.create(folder, features, labels, texts=texts, groups=groups, logit_scale=20.0)


def _ask_store(store: Path, _store: Path, out: Path) -> Iterator[Answer]:
    yield run("adapt", store, "--out", out / "a", "--json")
    yield run("predict", out / "a", store, "--json")
    yield run("evaluate", store, "--out", out / "e", *EVALUATION)


def _make_adapter(folder: Path, store: Path) -> None:
    run("adapt", store, "--out", folder)


def _ask_adapter(adapter: Path, store: Path, _out: Path) -> Iterator[Answer]:
    yield run("predict", adapter, store, "--json")


def _make_skill(folder: Path, store: Path) -> None:
    run("adapt", store, "--out", folder / SKILL)


def _ask_skill(folder: Path, store: Path, _out: Path) -> Iterator[Answer]:
    yield run("predict", folder / SKILL, store, "--json")


def _make_generator(folder: Path, _store: Path) -> None:
    save_generator(load_generator("default"), folder)


def _ask_generator(generator: Path, store: Path, out: Path) -> Iterator[Answer]:
    yield run("adapt", store, "--out", out / "a", "--generator", generator, "--json")
    yield run("predict", out / "a", store, "--json")


def _make_evaluation(folder: Path, store: Path) -> None:
    run("evaluate", store, "--out", folder, *EVALUATION)


def _ask_evaluation(folder: Path, store: Path, out: Path) -> Iterator[Answer]:
    yield run("report", folder, "--out", out / "report", "--json")
    yield Answer(0, (out / "report" / "report.json").read_text())
    # The same command measures missing cells, and writes the tables again.
    yield run("evaluate", store, "--out", folder, *EVALUATION)
    yield from map(_figures, sorted(folder.glob("*.csv")))


def _make_tables(folder: Path, store: Path) -> None:
    folder.mkdir()
    run("adapt", store, "--out", folder / "adapter")
    predict = ("predict", folder / "adapter", store, "--out")
    for number in (1, 2):
        run(*predict, folder / f"{number}.csv", f"--shard={number}/2")
        (folder / f"{number}.csv").unlink()  # what is merged is in the database beside it
    with patch.object(PredictionTable, "finish", side_effect=KeyboardInterrupt):
        run(*predict, folder / "whole.csv")


def _ask_tables(folder: Path, store: Path, out: Path) -> Iterator[Answer]:
    yield run("merge", folder / "1.csv", folder / "2.csv", "--out", out / "merged.csv")
    yield _content(out / "merged.csv")
    yield run("predict", folder / "adapter", store, "--out", folder / "whole.csv")
    yield _content(folder / "whole.csv")


def _make_training(folder: Path, _store: Path) -> None:
    config = folder.with_name("training.toml")
    config.write_text(TRAINING)
    steps = iter((False, False, True))
    train(folder, load_config(config), config_text=TRAINING, should_stop=lambda: next(steps))


def _ask_training(folder: Path, _store: Path, _out: Path) -> Iterator[Answer]:
    yield run("train", "--resume", folder, "--json")
    yield _content(folder / "best" / "model.safetensors")
    yield _content(folder / "best" / "config.json")


def _content(file: Path) -> Answer:
    return Answer(0, f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}")


def _figures(file: Path) -> Answer:
    table = pd.read_csv(file, keep_default_na=False)
    return Answer(0, f"{file.name} {without_measurements(table).to_csv()}")


def without_measurements(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out times and memory, which differ when a cell is measured again."""
    table = table.loc[:, [not name.endswith(MEASUREMENTS) for name in table.columns]]
    if "metric" in table.columns:
        table = table[[not str(name).endswith(MEASUREMENTS) for name in table["metric"]]]
    return table


@contextlib.contextmanager
def time_limit(seconds: int = LONGEST_SECONDS) -> Iterator[None]:
    """Raise a `TimeoutError` in a block that takes longer."""

    def end(_number: int, _frame: object) -> None:
        raise TimeoutError(f"still running after {seconds} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _without_varying_keys(out: str) -> str:
    try:
        return json.dumps(_kept(json.loads(out)), sort_keys=True)
    except ValueError:
        return out


def _kept(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _kept(inner)
            for key, inner in value.items()
            if not any(word in key for word in VARYING)
        }
    if isinstance(value, list):
        return [_kept(inner) for inner in value if not _is_measurement(inner)]
    return value


def _is_measurement(row: Any) -> bool:
    return isinstance(row, dict) and str(row.get("metric")).endswith(MEASUREMENTS)


ARTIFACTS = {
    "feature store": Artifact(make_store, _ask_store),
    "adapter": Artifact(_make_adapter, _ask_adapter),
    "skill file": Artifact(_make_skill, _ask_skill),
    "generator": Artifact(_make_generator, _ask_generator),
    "evaluation": Artifact(_make_evaluation, _ask_evaluation),
    "tables of shards and under way": Artifact(_make_tables, _ask_tables),
    "training run": Artifact(_make_training, _ask_training),
}
