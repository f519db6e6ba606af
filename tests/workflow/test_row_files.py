from __future__ import annotations

import csv
import json

import pytest

from metaadapter.data.inputs import UnreadableImage
from metaadapter.workflow.prediction_files import file_kind
from metaadapter.workflow.prediction_rows import RowFormat
from metaadapter.workflow.prediction_table import PredictionTable
from metaadapter.workflow.predictions import Prediction

parquet = pytest.importorskip("pyarrow.parquet")

SHARES = {"fox": 2 / 3, "lynx": 1 / 3}
ROWS = RowFormat([*SHARES])
STATUSES = ["done", "unreadable", "duplicate", "done", "duplicate"]


def outcomes():
    contents = {"a.png": "11", "copy.png": "11", "b.png": "22", "copy2.png": "11"}
    some = [
        Prediction(path, "fox", 2 / 3, "lynx", 1 / 3, False, SHARES, known=0.1, sha256=content)
        for path, content in contents.items()
    ]
    return [some[0], UnreadableImage("no.png", "it is broken"), *some[1:]]


def write(file, *parts):
    with PredictionTable(file, file_kind(file, ROWS)) as table:
        for part in parts:
            table.add(part)
        table.finish()
    return file


def test_table__in_each_kind__has_the_same_rows(tmp_path):
    all_rows = outcomes()
    files = {
        kind: write(tmp_path / f"t{kind}", all_rows) for kind in (".csv", ".jsonl", ".parquet")
    }

    lines = [json.loads(line) for line in files[".jsonl"].read_text().splitlines()]
    with files[".csv"].open(newline="") as file:
        texts = list(csv.DictReader(file))

    assert parquet.read_table(files[".parquet"]).to_pylist() == lines
    assert [row["status"] for row in lines] == STATUSES
    assert [row["duplicate_of"] for row in lines] == [None, None, "a.png", None, "a.png"]
    assert lines[1] == {**dict.fromkeys(lines[0]), "path": "no.png", "status": "unreadable"} | {
        "unreadable_reason": "it is broken"
    }
    assert lines[0]["p_fox"] == 2 / 3
    for text, line in zip(texts, lines, strict=True):
        flag = "yes" if line.pop("unfamiliar") else ""
        assert text.pop("unfamiliar") == flag
        assert text == {name: "" if cell is None else str(cell) for name, cell in line.items()}
