from __future__ import annotations

import pytest

from metaadapter.bench.evaluation.cells import (
    CELLS_FILE,
    PURPOSE,
    Cell,
    CellResult,
    FinishedCells,
    read_cells,
)
from metaadapter.data.db import Database
from metaadapter.errors import DataError


def result(seed, bench="b"):
    tables = {"rows": {"part": ["all"], "accuracy": [0.1 + 0.2], "nll": [None]}}
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
