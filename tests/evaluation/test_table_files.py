from __future__ import annotations

import csv

import pytest

from metaadapter.errors import DataError
from metaadapter.evaluation import evaluate
from metaadapter.evaluation.table_files import read_table, write_table

ROWS = [
    {"method": "007", "n_shot": 2, "accuracy": 0.1 + 0.2, "nll": None},
    {"method": "a,\n\udcff", "n_shot": 16, "accuracy": 1e-300, "nll": 2.0},
]


def test_write_table__parquet__has_the_same_rows(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [ROWS[0], {**ROWS[1], "method": "GDA"}]

    write_table(tmp_path / "rows.csv", rows, parquet=True)

    assert parquet.read_table(tmp_path / "rows.parquet").to_pylist() == rows
    with (tmp_path / "rows.csv").open(newline="", encoding="utf-8") as file:
        stored = list(csv.DictReader(file))
    assert [float(row["accuracy"]) for row in stored] == [0.1 + 0.2, 1e-300]
    assert [row["nll"] for row in stored] == ["", "2.0"]


def test_read_table__has_what_was_written(tmp_path):
    write_table(tmp_path / "rows.csv", ROWS)

    assert read_table(tmp_path / "rows.csv") == ROWS


def test_read_table__some_rows__has_those_alone(tmp_path):
    write_table(tmp_path / "rows.csv", ROWS)

    assert read_table(tmp_path / "rows.csv", n_shot={"16"}, method={"007", ROWS[1]["method"]}) == [
        ROWS[1]
    ]


def test_read_table__tables_of_an_evaluation__are_the_same_when_written_again(pets, ask, tmp_path):
    evaluate(ask(pets, seeds=1), tmp_path / "run")

    for name in ("rows", "classes", "confusion", "bins", "mistakes"):
        path = tmp_path / "run" / f"{name}.csv"
        write_table(tmp_path / "again.csv", read_table(path))
        assert (tmp_path / "again.csv").read_bytes() == path.read_bytes()


def test_write_table__no_rows__has_a_head_line(tmp_path):
    write_table(tmp_path / "rows.csv", [], columns=("method", "n_shot"))

    assert (tmp_path / "rows.csv").read_text().strip() == "method,n_shot"
    assert read_table(tmp_path / "rows.csv") == []


@pytest.mark.parametrize("content", ["n_shot,accuracy\n1\n", "n_shot\n1,2\n", "n_shot\nfour\n"])
def test_read_table__damaged__names_the_file(content, tmp_path):
    (tmp_path / "rows.csv").write_text(content)

    with pytest.raises(DataError, match=r"cannot read the table .*rows\.csv"):
        read_table(tmp_path / "rows.csv")
