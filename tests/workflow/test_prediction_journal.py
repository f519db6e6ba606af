from __future__ import annotations

import pytest

from metaadapter.data.crop import Box
from metaadapter.data.inputs import UnreadableImage
from metaadapter.errors import DataError
from metaadapter.workflow.accuracy import Tally
from metaadapter.workflow.prediction_files import file_kind
from metaadapter.workflow.prediction_rows import RowFormat
from metaadapter.workflow.prediction_table import PredictionTable
from metaadapter.workflow.predictions import Prediction
from metaadapter.workflow.row_files import CsvFile

SHARES = {"fox": 0.75, "lynx": 0.25}


PARTS = {"first": ["1.png", "2.png"], "second": ["3.png"], "third": ["4.png", "5.png"]}


def predictions(names):
    return [Prediction(name, "fox", 0.75, "lynx", 0.25, name == "3.png", SHARES) for name in names]


def answer(file, *parts, request="asked", end=True):
    """Predict the parts that a table lacks; gives the parts that it had, and the tally of all."""
    total, taken = Tally(), []
    with PredictionTable(file, file_kind(file, RowFormat([*SHARES])), request=request) as table:
        for part in parts:
            tally = table.take(part)
            if tally is None:
                some = predictions(PARTS[part])
                broken = UnreadableImage(f"{part}.png", "broken")
                tally = Tally.of(some, [f"of {part}"], [broken])
                table.add([some[0], broken, *some[1:]], part, tally)
            else:
                taken.append(part)
            total.add(tally)
        if end:
            table.finish()
    return taken, total


def whole(tmp_path, ending=".csv"):
    file = tmp_path / f"whole{ending}"
    answer(file, *PARTS)
    return file.read_bytes()


def test_table__same_question__goes_on_and_tells_what_it_would_have_told(tmp_path):
    file = tmp_path / "a.csv"
    answer(file, "first", "second", end=False)

    taken, total = answer(file, *PARTS)

    assert taken == ["first", "second"]
    assert file.read_bytes() == whole(tmp_path)
    assert (total.n, total.in_support) == (5, ["3.png"])
    assert [str(error.path) for error in total.unreadable] == [
        "first.png",
        "second.png",
        "third.png",
    ]
    assert total.warnings == ["of first", "of second", "of third"]


@pytest.mark.parametrize(
    ("name", "other"), [(b"label,", b"lebal,"), (b"p_fox,p_lynx", b"p_lynx,p_fox"), (b"path,", b"")]
)
def test_table__whose_first_line_was_changed__is_predicted_anew(tmp_path, name, other):
    file = tmp_path / "a.csv"
    answer(file, "first", "second", end=False)
    unfinished = tmp_path / "a.csv.partial"
    unfinished.write_bytes(unfinished.read_bytes().replace(name, other, 1))

    taken, _ = answer(file, *PARTS)

    assert taken == []
    assert file.read_bytes() == whole(tmp_path)


@pytest.mark.parametrize("kind", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("ending", [".partial", ".partial.journal"])
@pytest.mark.parametrize("share", range(0, 60, 7))
def test_table__rows_or_journal_cut_off_anywhere__loses_and_doubles_no_row(
    tmp_path, kind, ending, share
):
    pytest.importorskip("pyarrow")
    file, unfinished = tmp_path / f"a{kind}", tmp_path / f"a{kind}{ending}"
    answer(file, *PARTS, end=False)
    content = unfinished.read_bytes()
    unfinished.write_bytes(content[: len(content) * share // 60])

    answer(file, *PARTS)

    assert file.read_bytes() == whole(tmp_path, kind)


def test_table__row_changed_by_hand__is_asked_again(tmp_path):
    file, rows = tmp_path / "a.csv", tmp_path / "a.csv.partial"
    answer(file, *PARTS, end=False)
    rows.write_bytes(rows.read_bytes().replace(b"3.png,fox", b"3.png,elk"))

    taken, _ = answer(file, *PARTS)

    assert taken == ["first"]
    assert file.read_bytes() == whole(tmp_path)


def test_table__other_question_or_other_parts__begins_anew(tmp_path):
    file = tmp_path / "a.csv"
    answer(file, *PARTS, end=False)

    assert answer(file, *PARTS, request="another", end=False)[0] == []
    assert answer(file, "second", "third", request="another")[0] == []
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize("kind", [".csv", ".jsonl", ".parquet"])
def test_table__predictions_read_back__are_those_that_were_added(tmp_path, kind):
    pytest.importorskip("pyarrow")
    rows = RowFormat([*SHARES], sets=True, boxes=True, times=True)
    one = Prediction("=1.png", "fox", 1 / 3, "lynx", 0.25, False, SHARES, known=0.1, set=("fox",))
    none = Prediction("2.png", "empty", 0.9, "", 0.0, False, {}, time="2025-05-04T06:00:00")
    box = Box(0.1, 0.2, 1 / 3, 0.4)
    boxed = one._replace(box=box, confidence=0.5, animal=3, sha256="ab", unfamiliar=True)

    with PredictionTable(tmp_path / f"a{kind}", file_kind(tmp_path / f"a{kind}", rows)) as table:
        table.add([one, UnreadableImage("3.png", "broken"), none, boxed])
        read_back = list(table.predictions())
        table.finish()

    assert read_back == [one, none, boxed]


def test_table__that_another_run_is_writing__is_left_to_it(tmp_path):
    file = tmp_path / "a.csv"
    with PredictionTable(file, CsvFile(RowFormat([*SHARES])), request="asked") as table:
        table.add(predictions(PARTS["first"]), "first", Tally())

        with pytest.raises(DataError, match=r"another run is writing to the table .*a\.csv"):
            PredictionTable(file, CsvFile(RowFormat([*SHARES])), request="asked")
        table.finish()

    assert len(file.read_text().splitlines()) == 1 + len(PARTS["first"])
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_journal__whose_numbers_were_changed__is_asked_again(tmp_path):
    file, journal = tmp_path / "a.csv", tmp_path / "a.csv.partial.journal"
    answer(file, *PARTS, end=False)
    content = journal.read_text()
    changed = content.replace('"n":2', '"n":3').replace('"n": 2', '"n": 3')
    assert changed != content
    journal.write_text(changed)

    _, total = answer(file, *PARTS)

    assert total.n == sum(map(len, PARTS.values()))
    assert file.read_bytes() == whole(tmp_path)


def test_journal__with_a_line_of_another_kind__is_read_up_to_it(tmp_path):
    file, journal = tmp_path / "a.csv", tmp_path / "a.csv.partial.journal"
    answer(file, *PARTS, end=False)
    head, first, *_ = journal.read_text().splitlines(keepends=True)
    journal.write_text(f"{head}{first}[1]\n")

    taken, _ = answer(file, *PARTS)

    assert taken == ["first"]
