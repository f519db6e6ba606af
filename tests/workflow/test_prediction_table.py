from __future__ import annotations

import csv
import re
import subprocess
import sys

from metaadapter.workflow.prediction_rows import RowFormat
from metaadapter.workflow.prediction_table import PredictionTable
from metaadapter.workflow.predictions import Prediction
from metaadapter.workflow.row_files import CsvFile


def predictions(*names):
    shares = {"fox": 0.75, "lynx": 0.25}
    return [Prediction(f"{name}.png", "fox", 0.75, "lynx", 0.25, False, shares) for name in names]


def paths_in(file):
    with file.open(encoding="utf-8", errors="surrogateescape", newline="") as opened:
        return [row["path"] for row in csv.DictReader(opened)]


SMALL_DISK = """
import resource, sys
from pathlib import Path
from metaadapter.errors import DataError
from metaadapter.workflow.prediction_rows import RowFormat
from metaadapter.workflow.prediction_table import PredictionTable
from metaadapter.workflow.predictions import Prediction
from metaadapter.workflow.row_files import CsvFile

resource.setrlimit(resource.RLIMIT_FSIZE, (400, resource.RLIM_INFINITY))
try:
    with PredictionTable(Path(sys.argv[1]), CsvFile(RowFormat(["fox", "lynx"]))) as table:
        for number in range(20):
            shares = {"fox": 0.75, "lynx": 0.25}
            table.add([Prediction(f"{number}.png", "fox", 0.75, "lynx", 0.25, False, shares)])
except DataError as error:
    print(error)
"""
"""No file grows beyond 400 bytes: in a process of its own, for the tests may write to one."""


def test_table__finished_in_an_order__holds_that_list_alone(tmp_path):
    one, two, three = predictions("one", "two", "three")

    with PredictionTable(tmp_path / "a.csv", CsvFile(RowFormat(["fox", "lynx"]))) as table:
        table.add([one, two, three])
        table.finish([three, one])

    assert paths_in(tmp_path / "a.csv") == ["three.png", "one.png"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_table__full_disk__is_told_with_what_is_kept(tmp_path):
    file = tmp_path / "a.csv"

    done = subprocess.run(
        [sys.executable, "-c", SMALL_DISK, str(file)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert re.search(r"cannot write .*a\.csv: File too large.*so far are in", done.stdout)
    assert paths_in(tmp_path / "a.csv.partial")[0] == "0.png"
    assert not file.exists()
