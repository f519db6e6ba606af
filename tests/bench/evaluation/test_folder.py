from __future__ import annotations

import pytest

from metaadapter.bench.evaluation.cells import (
    CELLS_FILE,
    PURPOSE,
    Cell,
    CellResult,
    FinishedCells,
)
from metaadapter.bench.evaluation.folder import Record, hold_evaluation
from metaadapter.errors import DataError
from metaadapter.files.db import Database


def read_cells(folder):
    """The finished cells in the folder of an evaluation, by cell."""
    with Database(folder / CELLS_FILE, PURPOSE, writes=False) as database:
        return FinishedCells(database).results


@pytest.fixture
def record(ask):
    def make(methods=("GDA", "LP++"), identity="1", sets="a", **changes):
        config = ask("pets", methods=methods, **changes)
        return Record(config, dict.fromkeys(methods, identity), {"pets": sets})

    return make


def hold(folder, record):
    with hold_evaluation(folder, record):
        pass


def test_hold__the_same_evaluation_grown__is_taken_up(tmp_path, record):
    hold(tmp_path / "run", record())

    hold(tmp_path / "run", record(("GDA", "TaskRes", "LP++"), seeds=3))
    hold(tmp_path / "run", record(("GDA", "TaskRes", "LP++"), seeds=3))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"shots": (1, 4)}, r"shots: \(1, 2\) → \(1, 4\)"),
        ({"seeds": 1}, "seeds: 2 → 1"),
        ({"queries": 5}, "queries: all → 5"),
        ({"methods": ("GDA",)}, r"the method LP\+\+ is left out"),
        ({"sets": "b"}, r"the set pets has changed \(its pictures, labels or"),
    ],
)
def test_hold__another_evaluation__is_refused_with_what_differs(tmp_path, record, changes, told):
    hold(tmp_path / "run", record())
    with hold_evaluation(tmp_path / "run", record()) as finished:
        finished.append(CellResult(Cell("GDA", "pets", 1, 0), "1", "b", {}))
    before = (tmp_path / "run" / "evaluation.json").read_bytes()

    with pytest.raises(DataError, match=rf"(?s)holds another evaluation; .*{told}"):
        hold(tmp_path / "run", record(**changes))

    assert (tmp_path / "run" / "evaluation.json").read_bytes() == before


def test_hold__other_files__are_named_and_nothing_is_added(tmp_path, record):
    (tmp_path / "notes.txt").touch()

    with pytest.raises(DataError, match=r"holds other files \(notes\.txt\) and no evaluation"):
        hold(tmp_path, record())

    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_hold__evaluation_that_lost_its_record__names_the_file(tmp_path, record):
    with hold_evaluation(tmp_path, record()) as finished:
        finished.append(CellResult(Cell("GDA", "pets", 1, 0), "1", "b", {}))
    (tmp_path / "evaluation.json").unlink()

    with pytest.raises(DataError, match=r"has lost evaluation\.json, .* restore it from a copy"):
        hold(tmp_path, record())


def test_hold__finished_tables_whose_cells_are_lost__are_not_replaced(tmp_path, record):
    hold(tmp_path / "run", record())
    (tmp_path / "run" / "summary.json").touch()
    (tmp_path / "run" / "cells.db").write_bytes(b"")

    with pytest.raises(DataError, match=r"cells\.db, which has .*, is missing or empty"):
        hold(tmp_path / "run", record(("TaskRes",)))


def result(seed, bench="b"):
    tables = {"rows": {"accuracy": [0.1 + 0.2], "nll": [None]}}
    return CellResult(Cell("GDA", "pets", 4, seed), "m", bench, tables)


@pytest.fixture
def write(tmp_path):
    def append(*results):
        with Database(tmp_path / CELLS_FILE, PURPOSE) as database:
            finished = FinishedCells(database)
            for one in results:
                finished.append(one)

    append(*map(result, range(3)))
    return append


def test_cells__measured_twice__count_as_they_were_last(write, tmp_path):
    write(result(1, bench="newer"))

    assert [one.bench for one in read_cells(tmp_path).values()] == ["b", "newer", "b"]


@pytest.mark.usefixtures("write")
def test_cells__in_a_damaged_file__are_refused_with_its_name(tmp_path):
    content = (
        (tmp_path / CELLS_FILE).read_bytes().replace(b"0.30000000000000004", b"0.90000000000000004")
    )
    (tmp_path / CELLS_FILE).write_bytes(content)

    with pytest.raises(DataError, match=r"cells\.db is damaged at record 1"):
        read_cells(tmp_path)
