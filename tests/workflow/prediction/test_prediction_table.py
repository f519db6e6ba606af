"""A table of predictions keeps the rows of an interrupted run, and has each row once."""

from __future__ import annotations

import csv
import json

import pytest
from pyarrow import parquet

from metaadapter.adapter.label_tree import SureAnswer
from metaadapter.data.crop import Box
from metaadapter.data.inputs import UnreadableImage
from metaadapter.errors import DataError, Interrupted
from metaadapter.files.db import Database
from metaadapter.workflow.accuracy import Tally
from metaadapter.workflow.prediction.prediction_rows import RowFormat
from metaadapter.workflow.prediction.prediction_table import PredictionTable
from metaadapter.workflow.prediction.predictions import Prediction

SHARES = {"fox": 0.75, "lynx": 0.25}
ROWS = RowFormat([*SHARES])
KINDS = (".csv", ".jsonl", ".parquet")
PARTS = {"first": ["1.png", "2.png"], "second": ["3.png"], "third": ["4.png", "5.png"]}


def predictions(names):
    return [Prediction(name, "fox", 0.75, "lynx", 0.25, name == "3.png", SHARES) for name in names]


def answer(file, *parts, job="asked", end=True, error=None):
    """Predict the parts that a table lacks; gives the parts that it had, and the tally of all."""
    total, taken = Tally(), []
    with PredictionTable(file, ROWS, job=job) as table:
        for part in parts:
            tally = table.take(part)
            if tally is None:
                some = predictions(PARTS[part])
                broken = UnreadableImage(f"{part}.png", "broken")
                outcomes = [some[0], broken, *some[1:]]
                tally = Tally.of(outcomes, [f"of {part}"])
                table.add(outcomes, part, [f"of {part}"])
            else:
                taken.append(part)
            total.add(tally)
        if error is not None:
            raise error
        if end:
            table.finish()
    return taken, total


def rows_of(file):
    if file.suffix == ".csv":
        with file.open(encoding="utf-8", errors="surrogateescape", newline="") as opened:
            return list(csv.DictReader(opened))
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_text().splitlines()]
    return parquet.read_table(file).to_pylist()


def whole(tmp_path):
    file = tmp_path / "whole.csv"
    answer(file, *PARTS)
    return rows_of(file)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_table__of_any_kind__has_the_same_rows_with_statuses(tmp_path, kind):
    shares = {"fox": 2 / 3, "lynx": 1 / 3}
    some = [
        Prediction(path, "fox", 2 / 3, "lynx", 1 / 3, False, shares, known=0.1)
        for path in ("a.png", "caf\udce9.png")
    ]
    with PredictionTable(tmp_path / f"t{kind}", ROWS) as table:
        table.add([some[0], UnreadableImage("no.png", "it is broken")])
        table.add(some[1:])
        table.finish()

    rows = rows_of(tmp_path / f"t{kind}")
    none = "" if kind == ".csv" else None
    assert names_in(tmp_path) == [f"t{kind}"]
    assert [row["status"] for row in rows] == ["done", "unreadable", "done"]
    assert rows[1] == {**dict.fromkeys(rows[0], none), "path": "no.png", "status": "unreadable"} | {
        "unreadable_reason": "it is broken"
    }
    assert float(rows[0]["p_fox"]) == 2 / 3
    assert rows[0]["unfamiliar"] == ("" if kind == ".csv" else False)
    assert rows[2]["path"] == ("caf\\udce9.png" if kind == ".parquet" else "caf\udce9.png")


def test_predictions__read_back__are_those_that_were_added(tmp_path):
    one = Prediction("=1.png", "fox", 1 / 3, "lynx", 0.25, True, SHARES, known=0.1, set=("fox",))
    none = Prediction("2.png", "empty", 0.9, "", 0.0, False, {}, time="2025-05-04T06:00:00")
    sure = SureAnswer("dog", 0.9, 2, ("animal", "dog"), (1.0, 0.9))
    boxed = one._replace(
        **{"box": Box(0.1, 0.2, 1 / 3, 0.4), "confidence": 0.5, "animal": 3, "sha256": "ab"},
        **{"unfamiliar": True, "sure": sure, "labels": ("fox", "lynx"), "true_label": "fox"},
    )

    with PredictionTable(tmp_path / "a.csv", ROWS) as table:
        table.add([one, UnreadableImage("3.png", "broken"), none])
        table.add([boxed])
        assert list(table.predictions()) == [one, none, boxed]


def test_table__finished_with_other_outcomes__holds_that_list_alone(tmp_path):
    one, two, three = predictions(["one", "two", "three"])

    with PredictionTable(tmp_path / "a.csv", ROWS) as table:
        table.add([one, two, three])
        table.finish([three, one])

    assert [row["path"] for row in rows_of(tmp_path / "a.csv")] == ["three", "one"]
    assert names_in(tmp_path) == ["a.csv"]


def test_table__same_job__goes_on_and_tells_what_it_would_have_told(tmp_path):
    file = tmp_path / "a.csv"
    answer(file, "first", "second", end=False)

    taken, total = answer(file, *PARTS)

    assert taken == ["first", "second"]
    assert rows_of(file) == whole(tmp_path)
    assert (total.n, total.in_support) == (5, ["3.png"])
    assert [str(error.path) for error in total.unreadable] == [f"{part}.png" for part in PARTS]
    assert total.warnings == ["of first", "of second", "of third"]


def test_table__other_job_or_other_parts__begins_anew(tmp_path):
    file = tmp_path / "a.csv"
    answer(file, *PARTS, end=False)

    assert answer(file, *PARTS, job="another", end=False)[0] == []
    assert answer(file, "second", "third", job="another")[0] == []
    assert len(rows_of(file)) == 5
    assert names_in(tmp_path) == ["a.csv"]


@pytest.mark.parametrize("share", range(0, 60, 7))
def test_table__rows_cut_off_anywhere__loses_and_doubles_no_row(tmp_path, share):
    file, rows = tmp_path / "a.csv", tmp_path / "a.csv.db"
    answer(file, *PARTS, end=False)
    content = rows.read_bytes()
    rows.write_bytes(content[: len(content) * share // 60])

    answer(file, *PARTS)

    assert rows_of(file) == whole(tmp_path)


def test_table__interrupted__says_where_the_rows_are(tmp_path):
    with pytest.raises(Interrupted, match=r"for 3 pictures, are in .*a\.csv\.db; the same"):
        answer(tmp_path / "a.csv", "first", error=KeyboardInterrupt())

    assert answer(tmp_path / "a.csv", *PARTS)[0] == ["first"]


def test_table__of_no_job__says_that_the_command_begins_again(tmp_path):
    with pytest.raises(Interrupted, match=r"the same command begins again"):
        answer(tmp_path / "a.csv", "first", job=None, error=KeyboardInterrupt())


def test_table__ended_before_its_first_row__leaves_what_was_there(tmp_path):
    file = tmp_path / "a.csv"
    with pytest.raises(DataError):
        answer(file, error=DataError("no such picture"))
    assert names_in(tmp_path) == []

    answer(file, "first", end=False)
    with pytest.raises(DataError, match="no such picture"):
        answer(file, job="another", error=DataError("no such picture"))

    assert answer(file, *PARTS)[0] == ["first"]


def test_table__full_disk__is_told_with_what_is_kept(tmp_path, monkeypatch):
    file = tmp_path / "a.csv"
    answer(file, "first", end=False)

    def refuse(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(Database, "add", refuse)
        with pytest.raises(DataError, match=r"cannot write .*a\.csv.*so far are in .*a\.csv\.db"):
            answer(file, *PARTS)

    assert not file.exists()
    assert answer(file, *PARTS)[0] == ["first"]


def test_table__whose_database_is_a_link__changes_nothing_there(tmp_path):
    (tmp_path / "victim.txt").write_text("mine")
    (tmp_path / "a.csv.db").symlink_to("victim.txt")

    with pytest.raises(DataError, match=r"a\.csv\.db is a link"):
        answer(tmp_path / "a.csv", "first")

    assert (tmp_path / "victim.txt").read_text() == "mine"


@pytest.mark.parametrize("error", [DataError("no such picture"), KeyboardInterrupt()], ids=type)
def test_table__whose_database_was_taken_away__tells_why_the_run_ended(tmp_path, error):
    table = PredictionTable(tmp_path / "a.csv", ROWS)
    (tmp_path / "a.csv.db").unlink()

    with pytest.raises(type(error)) as caught, table:
        raise error

    assert caught.value is error


def test_table__that_another_run_is_writing__is_left_to_it(tmp_path):
    file = tmp_path / "a.csv"
    with PredictionTable(file, ROWS, job="asked") as table:
        table.add(predictions(PARTS["first"]), "first")

        with pytest.raises(DataError, match=r"another run is writing to the table .*a\.csv"):
            PredictionTable(file, ROWS, job="asked")
        table.finish()

    assert len(rows_of(file)) == len(PARTS["first"])
    assert names_in(tmp_path) == ["a.csv"]
