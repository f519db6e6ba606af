"""Pipes, devices and links in the place of files, wherever a command reads or writes."""

from __future__ import annotations

import os
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from benchmarks.robustness.artifacts import EVALUATION, TRAINING, run
from metaadapter.data.reader import read_images
from metaadapter.errors import DataError

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
        ("feature store", "rows-0001.npz", "adapt {} --out {out}"),
        ("feature store", "texts-0001.npy", "adapt {} --out {out}"),
        ("feature store", "features-0001.npy", "adapt {} --out {out}"),
        ("adapter", "adapter_config.json", "predict {} {store}"),
        ("adapter", "support.safetensors", "predict {} {store}"),
        ("generator", "config.json", "adapt {store} --generator {} --out {out}"),
        ("generator", "model.safetensors", "adapt {store} --generator {} --out {out}"),
        ("evaluation", "evaluation.json", "report {}"),
        ("evaluation", "summary.json", "report {}"),
        ("evaluation", "rows.csv", "report {}"),
        ("evaluation", "journal.jsonl", "doctor --verify {}"),
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
        ("evaluation", "journal.jsonl", ("evaluate", "{store}", "--out", "{}", *EVALUATION)),
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


def test_adapter__link_in_the_place_of_an_unfinished_file__is_not_written_through(
    artifacts, broken, tmp_path
):
    adapter, outside = broken("adapter"), tmp_path / "outside"
    outside.write_text("mine")
    for file in ("adapter_config.json.tmp", "adapter_model.safetensors.new.tmp"):
        (adapter / file).symlink_to(outside)

    assert run("adapt", artifacts.store, "--out", adapter).code == 0
    assert outside.read_text() == "mine"


@pytest.mark.parametrize("place", ["pipe", "device"])
def test_adapter__no_file_in_the_place_of_its_card__has_a_new_card(artifacts, broken, place):
    adapter = broken("adapter")
    card = (adapter / "README.md").read_text()
    (adapter / "README.md").unlink()
    KINDS[place](adapter / "README.md")

    assert run("adapt", artifacts.store, "--out", adapter).code == 0
    assert (adapter / "README.md").read_text() == card


@pytest.mark.parametrize("place", [*KINDS, "link"])
def test_predictions__no_file_in_the_place_of_unfinished_ones__changes_nothing(
    artifacts, tmp_path, place
):
    adapter = artifacts.folder / "adapter" / "artifact"
    unfinished, outside = tmp_path / "a.csv.partial", tmp_path / "outside"
    outside.write_text("mine")
    if place == "link":
        unfinished.symlink_to(outside)
    else:
        KINDS[place](unfinished)

    answer = run("predict", adapter, artifacts.store, "--csv", tmp_path / "a.csv")

    assert answer.code == 3
    assert "a.csv.partial" in answer.err
    assert outside.read_text() == "mine"
    assert not (tmp_path / "a.csv").exists()


@pytest.mark.parametrize("command", ["train", "evaluate --config"])
@pytest.mark.parametrize("place", KINDS)
def test_configuration__no_file_in_its_place__is_told(tmp_path, command, place):
    KINDS[place](tmp_path / "c.toml")

    answer = run(*command.split(), tmp_path / "c.toml", "--out", tmp_path / "out")

    assert answer.code == 3
    assert "cannot read the configuration" in answer.err


@pytest.mark.parametrize("name", ["m.csv", "m.jsonl", "m.json", "m.parquet"])
@pytest.mark.parametrize("place", ["pipe", "device"])
def test_manifest__no_file_in_its_place__is_told(tmp_path, name, place):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    KINDS[place](tmp_path / name)

    with pytest.raises(DataError, match=name):
        read_images(tmp_path / name)


@pytest.fixture
def pictures(tmp_path):
    """Two classes of two pictures, and beside them what is none."""
    rng = np.random.default_rng(0)
    for label in ("fox", "owl"):
        (tmp_path / "pictures" / label).mkdir(parents=True)
        for number in range(2):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / label / f"{number}.png")
    return tmp_path / "pictures"


def test_class_folder__with_pipes_and_devices__is_encoded_without_them(pictures, tmp_path):
    os.mkfifo(pictures / "fox" / "1.jpg")
    os.mkfifo(pictures / "store.json")
    (pictures / "owl" / "zero.png").symlink_to("/dev/zero")

    answer = run("encode", pictures, "--out", tmp_path / "store", "--json")

    assert answer.code == 0
    assert answer.err.count("it is a pipe, a device or the like") == 2


def test_encode__journal_in_another_folder__changes_nothing_there(pictures, tmp_path):
    store, outside = tmp_path / "store", tmp_path / "outside"
    store.mkdir()
    outside.mkdir()
    (store / ".partial").symlink_to(outside)

    answer = run("encode", pictures, "--out", store)

    assert answer.code == 3
    assert ".partial is a link" in answer.err
    assert not list(outside.iterdir())


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


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("seed=0x" + "f" * 6_000, "seed: expected .*got a very long int"),
        ("seed=" + "1" * 5_000, "seed: .*exceeded maximum size, got"),
        ("seed=" + "[" * 9**6, r"--set '\[.* is nested too deeply"),
    ],
    ids=["hexadecimal", "decimal", "nested"],
)
def test_set__value_that_cannot_be__is_told(tmp_path, change, expected):
    (tmp_path / "c.toml").write_text(TRAINING)

    answer = run("train", tmp_path / "c.toml", "--set", change, "--out", tmp_path / "out")

    assert answer.code in (2, 3)
    assert re.search(expected, answer.err)
    assert len(answer.err) < 1_000
