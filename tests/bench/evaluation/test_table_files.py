from __future__ import annotations

import csv
import gzip

import pytest

from metaadapter.bench.evaluation.run import evaluate
from metaadapter.bench.evaluation.tables import csv_content, read_table, table, table_files
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
    parquet = pytest.importorskip("pyarrow.parquet")
    some = rows.iloc[[0, 2]]

    for name, content in table_files({"rows": some}).items():
        replace_file(tmp_path / name, content)

    result = parquet.read_table(tmp_path / "rows.parquet").to_pylist()
    assert [row["method"] for row in result] == ["007", "NA"]
    assert [row["trained_parameters"] for row in result] == [None, 8]
    with (tmp_path / "rows.csv").open(newline="", encoding="utf-8") as file:
        stored = list(csv.DictReader(file))
    assert [float(row["accuracy"]) for row in stored] == [row["accuracy"] for row in result]
    assert [row["nll"] for row in stored] == ["", "0.5"]
    assert [row["trained_parameters"] for row in stored] == ["", "8"]


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz"])
def test_read_table__has_what_was_written(name, rows, tmp_path):
    replace_file(tmp_path / name, csv_content(rows, packed=name.endswith(".gz")))

    result = read_table(tmp_path / name)

    assert result.equals(rows)
    assert result["method"].tolist() == COLUMNS["method"]


def test_csv__twice__gives_the_same_bytes(rows, tmp_path):
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        replace_file(tmp_path / folder / "rows.csv.gz", csv_content(rows, packed=True))

    one, other = ((tmp_path / name / "rows.csv.gz").read_bytes() for name in ("one", "other"))
    assert one == other
    assert gzip.decompress(one).startswith(b"method,n_shot,")


def test_read_table__some_rows_or_none__has_those_alone(rows, tmp_path):
    replace_file(tmp_path / "rows.csv", csv_content(rows))
    some = read_table(tmp_path / "rows.csv", n_shot={16}, method={"007", "NA"})
    replace_file(tmp_path / "rows.csv", csv_content(rows.head(0)))

    assert some["method"].tolist() == ["NA"]
    assert (tmp_path / "rows.csv").read_text().strip() == ",".join(COLUMNS)
    assert not len(read_table(tmp_path / "rows.csv"))


def test_read_table__tables_of_an_evaluation__are_the_same_when_written_again(pets, ask, tmp_path):
    evaluate(ask(pets, seeds=1), tmp_path / "run")

    for name in ("rows", "classes", "confusion", "bins", "mistakes"):
        path = tmp_path / "run" / f"{name}.csv"
        replace_file(tmp_path / "again.csv", csv_content(read_table(path)))
        assert (tmp_path / "again.csv").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("content", ["n_shot\n1,2,3\n1\n", "n_shot\nfour\n", ""])
def test_read_table__damaged__names_the_file(content, tmp_path):
    (tmp_path / "rows.csv").write_text(content)

    with pytest.raises(DataError, match=r"cannot read the table .*rows\.csv"):
        read_table(tmp_path / "rows.csv")
