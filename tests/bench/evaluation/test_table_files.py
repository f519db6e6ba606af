from __future__ import annotations

import csv

import pyarrow.parquet
import pytest

from metaadapter.bench.evaluation.tables import content, read_table, table, table_files
from metaadapter.data.output_folder import replace_file
from metaadapter.errors import DataError

COLUMNS = {
    "method": ["007", "a,\n\udcff", "NA"],
    "n_shot": [2, 16, 16],
    "accuracy": [0.1 + 0.2, 1e-300, 1 / 3],
    "nll": [None, 2.0, 0.5],
    "trained_parameters": [None, 7, 8],
}


@pytest.fixture
def rows():
    return table(COLUMNS)


def test_table_files__parquet__has_the_rows_of_the_csv_file(rows, tmp_path):
    some = rows.iloc[[0, 2]]

    for name, written in table_files({"rows": some}).items():
        replace_file(tmp_path / name, written)

    result = pyarrow.parquet.read_table(tmp_path / "rows.parquet").to_pylist()
    assert [row["method"] for row in result] == ["007", "NA"]
    assert [row["trained_parameters"] for row in result] == [None, 8]
    with (tmp_path / "rows.csv").open(newline="", encoding="utf-8") as file:
        stored = list(csv.DictReader(file))
    assert [float(row["accuracy"]) for row in stored] == [row["accuracy"] for row in result]
    assert [row["nll"] for row in stored] == ["", "0.5"]
    assert [row["trained_parameters"] for row in stored] == ["", "8"]


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz"])
def test_read_table__has_what_was_written(name, rows, tmp_path):
    replace_file(tmp_path / name, content(rows, packed=name.endswith(".gz")))

    result = read_table(tmp_path / name)

    assert result.equals(rows)
    assert result["method"].tolist() == COLUMNS["method"]


@pytest.mark.parametrize("text", ["n_shot\nfour\n", ""])
def test_read_table__damaged__names_the_file(text, tmp_path):
    (tmp_path / "rows.csv").write_text(text)

    with pytest.raises(DataError, match=r"cannot read the table .*rows\.csv"):
        read_table(tmp_path / "rows.csv")
