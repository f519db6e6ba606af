"""The shards of a table of predictions become the table that one process writes."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
from contextlib import closing

import pytest
from pyarrow import parquet

from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.shard import pick_shard
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.workflow.prediction.prediction_rows import RowFormat
from metaadapter.workflow.prediction.prediction_shards import merge_predictions
from metaadapter.workflow.prediction.prediction_table import PredictionTable
from metaadapter.workflow.prediction.predictions import Prediction

SHARES = {"fox": 2 / 3, "lynx": 1 / 3}
ROWS = RowFormat([*SHARES])


def outcomes():
    """Ten pictures, of which the fourth cannot be read, and each second has the same content."""
    some = [
        Prediction(
            f"{number}.png",
            "fox",
            1 / (number + 2),
            "lynx",
            1 / 3,
            False,
            SHARES,
            sha256="even" if number % 2 else f"{number}",
        )
        for number in range(10)
    ]
    return [*some[:3], UnreadableImage("3.png", "broken"), *some[4:]]


def write(file, some, **options):
    with PredictionTable(file, ROWS, **options) as table:
        for outcome in some:
            table.add([outcome])
        table.finish()


def write_shards(folder, kind, n=3, request="asked", pictures="listed"):
    files = []
    for number in range(1, n + 1):
        file = folder / f"{request}-{pictures}-{number}-{n}{kind}"
        job = {"request": request, "pictures": pictures, "shard": number, "n_shards": n}
        write(file, pick_shard(outcomes(), (number, n)), job=job, is_shard=True)
        files.append(file)
    return files


def rows_of(file):
    if file.suffix == ".parquet":
        return parquet.read_table(file).to_pylist()
    text = file.read_text()
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(text.splitlines()))


@pytest.mark.parametrize("n", [1, 3, 12])
@pytest.mark.parametrize("kind", [".csv", ".jsonl", ".parquet"])
def test_merge__of_all_shards__has_the_rows_of_one_process__in_any_kind(tmp_path, kind, n):
    write(tmp_path / f"whole{kind}", outcomes())
    files = write_shards(tmp_path, ".csv", n)

    merged = merge_predictions(files[::-1], tmp_path / f"merged{kind}")

    assert rows_of(tmp_path / f"merged{kind}") == rows_of(tmp_path / f"whole{kind}")
    assert merged.n_rows == 10
    assert merged.statuses == {"done": 9, "unreadable": 1}


def test_merge__without_a_shard__names_it(tmp_path):
    first, _, third = write_shards(tmp_path, ".csv")

    with pytest.raises(DataError, match=r"all 3 shards, but these are missing: 2/3; .*--shard 2/3"):
        merge_predictions([first, third], tmp_path / "merged.csv")
    with pytest.raises(UsageError, match="both shard 1"):
        merge_predictions([first, first, third], tmp_path / "merged.csv")
    with pytest.raises(UsageError, match="no table"):
        merge_predictions([], tmp_path / "merged.csv")
    assert not (tmp_path / "merged.csv").exists()


def test_merge__of_a_damaged_missing_or_unfinished_shard__names_it(tmp_path):
    files = write_shards(tmp_path, ".csv")
    database = tmp_path / f"{files[1].name}.db"
    with closing(sqlite3.connect(database)) as rows:
        rows.execute("UPDATE records SET value = replace(value, 'fox', 'elk') WHERE number = 2")
        rows.commit()

    with pytest.raises(DataError, match=rf"{database.name} is damaged at record 2"):
        merge_predictions(files, tmp_path / "merged.csv")

    database.unlink()
    with pytest.raises(DataError, match=rf"{database.name} is missing, which predict --shard"):
        merge_predictions(files, tmp_path / "merged.csv")

    with PredictionTable(files[1], ROWS, job={"shard": 2}, is_shard=True) as table:
        table.add(outcomes()[:1])
    with pytest.raises(DataError, match="is not the finished table of a shard"):
        merge_predictions(files, tmp_path / "merged.csv")


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ({"request": "else"}, "another adapter or other options"),
        ({"pictures": "else"}, "other pictures"),
        ({"n": 4}, "another number of shards"),
    ],
)
def test_merge__of_shards_of_another_request__is_refused(tmp_path, other, difference):
    first, second, _ = write_shards(tmp_path, ".csv")
    third = write_shards(tmp_path, ".csv", **other)[2]

    with pytest.raises(IncompatibleArtifact, match=rf"{third.name} is a shard of {difference}"):
        merge_predictions([first, second, third], tmp_path / "merged.csv")


def test_merge__of_copied_shards__needs_their_databases_only(tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in write_shards(tmp_path, ".jsonl"):
        shutil.copy(file, folder)
        shutil.copy(f"{file}.db", folder)

    merged = merge_predictions(sorted(folder.glob("*.jsonl")), tmp_path / "merged.jsonl")

    assert merged.n_rows == 10
