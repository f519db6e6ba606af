"""No file grows beyond 400 bytes: in a process of its own, for the tests may write to one."""

from __future__ import annotations

import csv
import errno
import re
import subprocess
import sys

import pytest

from metaadapter.errors import DataError, Interrupted
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


def test_table__rows_that_were_added__are_on_disk_at_once_with_any_name(tmp_path):
    with PredictionTable(tmp_path / "a.csv", CsvFile(RowFormat(["fox", "lynx"]))) as table:
        table.add(predictions("one", "two", "caf\udce9"))
        seen = paths_in(tmp_path / "a.csv.partial")
        table.finish()

    assert seen == paths_in(tmp_path / "a.csv") == ["one.png", "two.png", "caf\udce9.png"]
    assert b"caf\xe9.png" in (tmp_path / "a.csv").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_table__finished_in_an_order__holds_that_list_alone(tmp_path):
    one, two, three = predictions("one", "two", "three")

    with PredictionTable(tmp_path / "a.csv", CsvFile(RowFormat(["fox", "lynx"]))) as table:
        table.add([one, two, three])
        table.finish([three, one])

    assert paths_in(tmp_path / "a.csv") == ["three.png", "one.png"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def write(file, *parts, error=None):
    """Add some predictions after the others; then the error, if there is one."""
    with PredictionTable(file, CsvFile(RowFormat(["fox", "lynx"]))) as table:
        for names in parts:
            table.add(predictions(*names))
        if error is not None:
            raise error
        table.finish()


def test_table__interrupted__says_where_the_rows_are(tmp_path):
    with pytest.raises(Interrupted, match=r"for 2 pictures, are in .*a\.csv\.partial"):
        write(tmp_path / "a.csv", ["one", "two"], error=KeyboardInterrupt())

    assert paths_in(tmp_path / "a.csv.partial") == ["one.png", "two.png"]


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


def test_table__ended_before_its_first_row__leaves_what_was_there(tmp_path):
    with pytest.raises(DataError):
        write(tmp_path / "a.csv", error=DataError("no such picture"))
    assert not list(tmp_path.iterdir())

    with pytest.raises(Interrupted):
        write(tmp_path / "a.csv", ["one"], error=KeyboardInterrupt())
    with pytest.raises(DataError, match="no such picture"):
        write(tmp_path / "a.csv", error=DataError("no such picture"))

    assert paths_in(tmp_path / "a.csv.partial") == ["one.png"]
    write(tmp_path / "a.csv", ["two"])
    assert paths_in(tmp_path / "a.csv") == ["two.png"]


def test_table__on_a_full_disk__ends_at_the_last_whole_row(tmp_path, monkeypatch):
    def write_a_part(_table, file, _predictions):
        file.write(b"a part of a r")
        raise OSError(errno.ENOSPC, "No space left on device")

    unfinished = tmp_path / "a.csv.partial"
    table = PredictionTable(tmp_path / "a.csv", CsvFile(RowFormat(["fox", "lynx"])))
    table.add(predictions("one"))
    whole = unfinished.read_bytes()
    monkeypatch.setattr(PredictionTable, "_write", write_a_part)

    message = r"No space left .*; the rows so far are in .*a\.csv\.part"
    with pytest.raises(DataError, match=message), table:
        table.add(predictions("two"))

    assert unfinished.read_bytes() == whole


def test_table__unfinished_file_is_a_link__changes_nothing_there(tmp_path):
    (tmp_path / "victim.txt").write_text("mine")
    (tmp_path / "a.csv.partial").symlink_to("victim.txt")

    with pytest.raises(DataError, match=r"a\.csv\.partial is a link"):
        write(tmp_path / "a.csv", ["one"])

    assert (tmp_path / "victim.txt").read_text() == "mine"


@pytest.mark.parametrize("error", [DataError("no such picture"), KeyboardInterrupt()], ids=type)
def test_table__unfinished_file_was_taken_away__tells_why_the_run_ended(tmp_path, error):
    table = PredictionTable(tmp_path / "a.csv", CsvFile(RowFormat(["fox", "lynx"])))
    table.add(predictions("one"))
    (tmp_path / "a.csv.partial").unlink()

    with pytest.raises(type(error)) as caught, table:
        raise error

    assert caught.value is error
