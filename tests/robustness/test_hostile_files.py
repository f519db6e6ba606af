"""Pipes, devices and links in the place of files, wherever a command reads or writes."""

from __future__ import annotations

import os
import re
import shutil

import pytest

from benchmarks.robustness.artifacts import EVALUATION, TRAINING, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names on this system"),
    pytest.mark.filterwarnings("ignore"),
]
KINDS = {
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "folder": lambda path: path.mkdir(),
}


@pytest.fixture
def broken(artifacts, tmp_path):
    """Makes a copy of an artifact of a kind."""

    def copy(kind):
        return shutil.copytree(artifacts.folder / kind / "artifact", tmp_path / "broken")

    return copy


@pytest.mark.parametrize(
    ("kind", "file", "command"),
    [
        ("feature store", "store.json", "adapt {} --out {out}"),
        ("feature store", "pictures-0001.arrow", "adapt {} --out {out}"),
        ("feature store", "texts-0001.npy", "adapt {} --out {out}"),
        ("feature store", "features-0001.npy", "adapt {} --out {out}"),
        ("adapter", "adapter_config.json", "predict {} {store}"),
        ("adapter", "support.safetensors", "predict {} {store}"),
        ("generator", "config.json", "adapt {store} --generator {} --out {out}"),
        ("generator", "model.safetensors", "adapt {store} --generator {} --out {out}"),
        ("evaluation", "evaluation.json", "report {}"),
        ("evaluation", "summary.json", "report {}"),
        ("evaluation", "rows.csv", "report {}"),
        ("evaluation", "cells.db", "doctor --verify {}"),
        ("training run", "resolved.json", "train --resume {}"),
        ("training run", "checkpoint.safetensors", "train --resume {}"),
        ("training run", "log.jsonl", "train --resume {}"),
        ("training run", "best", "train --resume {}"),
    ],
)
@pytest.mark.parametrize("place", KINDS)
def test_artifact__no_file_in_the_place_of_one__ends_at_once(
    artifacts, broken, tmp_path, kind, file, command, place
):
    folder = broken(kind)
    if (folder / file).is_dir():
        (folder / file).rename(tmp_path / "moved")
    else:
        (folder / file).unlink()
    KINDS[place](folder / file)
    names = {"{}": folder, "{store}": artifacts.store, "{out}": tmp_path / "out"}

    answer = run(*(names.get(word, word) for word in command.split()))

    if (kind, file, place) == ("training run", "best", "folder"):
        assert answer.code == 0
    else:
        assert answer.code in (2, 3, 4), answer
        assert (str(folder) if kind == "feature store" else file) in answer.err + answer.out


@pytest.mark.parametrize(
    ("kind", "file", "command"),
    [
        ("training run", "log.jsonl", ("train", "--resume", "{}")),
        ("training run", "best", ("train", "--resume", "{}")),
        ("evaluation", "cells.db", ("evaluate", "{store}", "--out", "{}", *EVALUATION)),
    ],
)
def test_artifact__link_out_of_its_folder__changes_nothing_there(
    artifacts, broken, tmp_path, kind, file, command
):
    folder, outside = broken(kind), tmp_path / "outside"
    (folder / file).rename(outside)
    (folder / file).symlink_to(outside)
    if outside.is_file():
        outside.write_text("a note without an end of line")
    before = {path: path.read_bytes() for path in [outside, *outside.rglob("*")] if path.is_file()}
    names = {"{}": folder, "{store}": artifacts.store}

    answer = run(*(names.get(word, word) for word in command))

    assert answer.code == 3
    assert f"{file} is a link" in answer.err
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "seed = " + "[" * 200_000 + "\n", "nested too deeply"),
        ("", "seed = 0x" + "f" * 6_000 + "\n", "seed: expected .*got a very long int"),
        ("", "seed = " + "1" * 5_000 + "\n", "is not TOML"),
        ("", "seed = 1\0\n", "is not TOML"),
        ("steps = 4", "steps = 4\nlr = nan", "optim.lr: expected a finite number"),
        ("n_classes = 8", "n_classes = 1000000000", "n_classes: expected less than or equal"),
        ("width = 16", "width = 1000000000000", "width: expected less than or equal"),
        (
            "tasks_per_draw = 2",
            "tasks_per_draw = 1000000000000",
            "tasks_per_draw: expected less than or equal",
        ),
        ("[optim]", "[network]\nn_layers = 100000000\n[optim]", "network: expected sizes"),
    ],
    ids=lambda text: text[:24],
)
def test_training_configuration__that_cannot_be__is_told_with_its_key(tmp_path, old, new, expected):
    assert old in TRAINING
    (tmp_path / "c.toml").write_text(TRAINING.replace(old, new, 1))

    answer = run("train", tmp_path / "c.toml", "--out", tmp_path / "out")

    assert answer.code == 3
    assert re.search(expected, answer.err)
