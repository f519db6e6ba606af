"""Folders and pictures whose names are not UTF-8, from pictures to a report."""

from __future__ import annotations

import csv
import io
import os
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmarks.robustness.artifacts import TRAINING, run
from metaadapter.apps.cli.app import main
from metaadapter.bench.evaluation.tables import read_table
from metaadapter.data.strict_json import parse_json

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere all names are Unicode"),
    pytest.mark.filterwarnings("ignore"),
]
CAFE, BYTES = os.fsdecode(b"caf\xe9"), os.fsdecode(b"\xff\x80")
EVALUATION = ("--methods=closed-form,zero-shot", "--shots=1", "--seeds=1", "--jobs=1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures, their store and their adapter, all of such names."""
    folder = tmp_path_factory.mktemp("names") / CAFE
    rng = np.random.default_rng(0)
    for label in (CAFE, BYTES, "owl"):
        (folder / "pictures" / label).mkdir(parents=True)
        for number in range(2):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "pictures" / label / f"{BYTES}{number}.png")
    assert main(["encode", str(folder / "pictures"), "--out", str(folder / CAFE)]) == 0
    assert main(["adapt", str(folder / "pictures"), "--out", str(folder / "adapter")]) == 0
    return folder


def test_predictions__come_back_letter_for_letter(folder, tmp_path, capsys):
    arguments = ["predict", folder / "adapter", folder / "pictures", "--csv", tmp_path / CAFE]
    assert main([*map(str, arguments), "--json"]) == 0

    document = parse_json(capsys.readouterr().out)
    assert set(document["classes"]) == {CAFE, BYTES, "owl"}
    with (tmp_path / CAFE).open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [row["path"] for row in document["predictions"]]
    assert all(os.path.exists(row["path"]) for row in rows)  # noqa: PTH110
    assert len(rows) == 6


def test_list_of_predictions__raw__has_the_bytes_of_names(folder, monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="utf-8"))

    assert main(["predict", str(folder / "adapter"), str(folder / "pictures"), "--csv-raw"]) == 0

    sys.stdout.flush()
    paths = [line.split(b"\t")[0] for line in written.getvalue().splitlines()]
    assert len(paths) == 6
    assert all(os.path.exists(path) for path in paths)  # noqa: PTH110


def test_class__is_added_to_an_adapter(folder, tmp_path):
    out = tmp_path / CAFE
    assert run("add", folder / "adapter", f"new {BYTES}", "--text", CAFE, "--out", out).code == 0
    assert run("predict", out, folder / CAFE, "--rank", f"new {BYTES}").code == 0


def test_evaluation_and_report__have_every_row(folder, tmp_path):
    measured = run("evaluate", folder / CAFE, "--out", tmp_path / CAFE, *EVALUATION, "--json")
    again = run("evaluate", folder / CAFE, "--out", tmp_path / CAFE, *EVALUATION)
    report = run("report", tmp_path / CAFE)

    assert [measured.code, again.code, report.code] == [0, 0, 0], (measured, again, report)
    assert set(read_table(tmp_path / CAFE / "classes.csv")["class"]) == {CAFE, BYTES, "owl"}
    rows = read_table(tmp_path / CAFE / "rows.csv")
    assert set(rows["store"]) == {CAFE}
    if (tmp_path / CAFE / "rows.parquet").exists():
        with (tmp_path / CAFE / "rows.parquet").open("rb") as file:
            assert set(pd.read_parquet(file)["store"]) == {r"caf\xe9"}


def test_training_run__goes_on_in_its_folder(tmp_path):
    (tmp_path / f"{CAFE}.toml").write_text(TRAINING)
    out = tmp_path / BYTES

    assert run("train", tmp_path / f"{CAFE}.toml", "--out", out).code == 0
    assert run("train", "--resume", out).code == 0
    assert run("doctor", "--verify", out).code == 0
