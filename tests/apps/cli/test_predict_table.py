from __future__ import annotations

import csv
import functools
import shutil

import pytest


@pytest.fixture
def predict(run, adapter):
    return functools.partial(run, "predict", adapter)


@pytest.fixture
def folder(unlabelled, tmp_path):
    """The pictures with a copy of the first, last by name, and one that is broken, in between."""
    pictures = shutil.copytree(unlabelled, tmp_path / "pictures")
    shutil.copy(pictures / "heron-0.png", pictures / "zzz.png")
    (pictures / "kite.png").write_bytes(b"no picture")
    return pictures


def test_predict__out__has_a_row_for_every_picture_in_order(predict, folder, tmp_path):
    out = tmp_path / "table.csv"

    done = predict(folder, "--out", out)

    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    assert (done.code, done.out) == (0, "")
    assert [row["path"] for row in rows] == [str(path) for path in sorted(folder.iterdir())]
    status = {row["path"].rpartition("/")[2]: row["status"] for row in rows}
    assert (status["kite.png"], status["zzz.png"]) == ("unreadable", "done")
    assert list(status.values()).count("done") == 7
    assert rows[-1]["sha256"] == rows[0]["sha256"]
    assert rows[-1]["label"] == rows[0]["label"]
    again = predict(folder, "--out", out)  # an earlier table may be replaced
    assert again.code == 0


@pytest.mark.parametrize("name", ["mine.jsonl", "mine.parquet", "mine.csv"])
def test_predict__file_that_is_no_table_of_predictions__is_kept(
    predict, unlabelled, tmp_path, name
):
    file = tmp_path / name
    file.write_text('{"path": "a.png", "label": "fox"}\n')

    done = predict(unlabelled, "--out", file)

    assert done.code == 3
    assert "would be overwritten" in done.err
    assert file.read_text() == '{"path": "a.png", "label": "fox"}\n'


def test_merge__of_tables__says_what_the_rows_are(run, predict, folder, tmp_path):
    shards = [tmp_path / "1.csv", tmp_path / "2.csv"]
    for number, shard in enumerate(shards, start=1):
        assert predict(folder, "--out", shard, "--shard", f"{number}/2").code == 0

    merged = run("merge", *shards, "--out", tmp_path / "merged.csv", "--json")

    assert merged.document == {
        "schema": "metaadapter.merge-predictions/1",
        "table": str(tmp_path / "merged.csv"),
        "parts": [str(shard) for shard in shards],
        "n_rows": 8,
        "statuses": {"done": 7, "unreadable": 1},
    }


def test_merge__of_tables__ends_with_the_code_of_the_fault(run, predict, unlabelled, tmp_path):
    table = tmp_path / "1.csv"
    predict(unlabelled, "--out", table, "--shard", "1/2")

    into_folder = run("merge", table, "--out", tmp_path / "whole")
    incomplete = run("merge", table, "--out", tmp_path / "whole.csv")

    mixed = run("merge", table, tmp_path / "store", "--out", tmp_path / "whole.csv")

    assert (into_folder.code, incomplete.code, mixed.code) == (2, 3, 2)
    assert "1.csv is a table and" in mixed.err
    assert "should be the table of the merged predictions" in into_folder.err
    assert "all 2 shards, but these are missing: 2/2" in incomplete.err
    assert not (tmp_path / "whole.csv").exists()
