"""Folders and pictures whose names are not UTF-8, from pictures to a report."""

from __future__ import annotations

import csv
import os
import sys

import numpy as np
import pytest
from PIL import Image

from metaadapter.apps.cli.app import main
from metaadapter.files.strict_json import parse_json

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere all names are Unicode"),
    pytest.mark.filterwarnings("ignore"),
]
CAFE, BYTES = os.fsdecode(b"caf\xe9"), os.fsdecode(b"\xff\x80")


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
    arguments = [
        "predict",
        folder / "adapter",
        folder / "pictures",
        "--out",
        tmp_path / f"{CAFE}.csv",
    ]
    assert main([*map(str, arguments), "--json"]) == 0

    document = parse_json(capsys.readouterr().out)
    assert set(document["classes"]) == {CAFE, BYTES, "owl"}
    with (tmp_path / f"{CAFE}.csv").open(
        encoding="utf-8", errors="surrogateescape", newline=""
    ) as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [row["path"] for row in document["predictions"]]
    assert all(os.path.exists(row["path"]) for row in rows)  # noqa: PTH110
    assert len(rows) == 6
