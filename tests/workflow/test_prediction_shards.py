from __future__ import annotations

import json
import shutil

import pytest

from metaadapter.data.checksums import write_document
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.shard import pick_shard
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.workflow.prediction_files import file_kind
from metaadapter.workflow.prediction_rows import RowFormat
from metaadapter.workflow.prediction_shards import (
    ShardFacts,
    merge_predictions,
    write_shard_document,
)
from metaadapter.workflow.prediction_table import PredictionTable
from metaadapter.workflow.predictions import Prediction

SHARES = {"fox": 2 / 3, "lynx": 1 / 3}


ROWS = RowFormat([*SHARES])


KINDS = (".csv", ".jsonl", ".parquet")


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


def write(file, some):
    with PredictionTable(file, file_kind(file, ROWS)) as table:
        for outcome in some:
            table.add([outcome])
        table.finish()
        return table.n_rows


def write_shards(folder, kind, n=3, request="asked", pictures="listed"):
    files = []
    for number in range(1, n + 1):
        file = folder / f"{request}-{pictures}-{number}-{n}{kind}"
        n_rows = write(file, pick_shard(outcomes(), (number, n)))
        facts = ShardFacts(number, n, request, pictures, n_rows, ROWS)
        write_shard_document(file, facts)
        files.append(file)
    return files


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 3, 12])
def test_merge__of_all_shards__is_the_table_of_one_process(tmp_path, kind, n):
    pytest.importorskip("pyarrow")
    write(tmp_path / f"whole{kind}", outcomes())
    files = write_shards(tmp_path, kind, n)

    merged = merge_predictions(files[::-1], tmp_path / f"merged{kind}")

    assert (tmp_path / f"merged{kind}").read_bytes() == (tmp_path / f"whole{kind}").read_bytes()
    assert merged.n_rows == 10
    assert merged.statuses == {"done": 6, "duplicate": 3, "unreadable": 1}


def test_merge__into_another_kind__has_the_rows_of_that_kind(tmp_path):
    pytest.importorskip("pyarrow")
    files = write_shards(tmp_path, ".parquet")

    merge_predictions(files, tmp_path / "merged.csv")

    write(tmp_path / "whole.csv", outcomes())
    assert (tmp_path / "merged.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_merge__without_a_shard__names_it(tmp_path):
    first, _, third = write_shards(tmp_path, ".csv")

    with pytest.raises(DataError, match=r"all 3 shards, but these are missing: 2/3; .*--shard 2/3"):
        merge_predictions([first, third], tmp_path / "merged.csv")
    with pytest.raises(UsageError, match="both shard 1"):
        merge_predictions([first, first, third], tmp_path / "merged.csv")
    with pytest.raises(UsageError, match="no table"):
        merge_predictions([], tmp_path / "merged.csv")
    assert not (tmp_path / "merged.csv").exists()


@pytest.mark.parametrize("change", [{"n": "many"}, {"n_rows": None}, {"format": {"classes": 1}}])
def test_merge__document_with_wrong_entries__names_the_entry(tmp_path, change):
    files = write_shards(tmp_path, ".csv", n=1)
    document = files[0].with_name(f"{files[0].name}.shard.json")
    values = json.loads(document.read_text())
    del values["proof"]
    write_document(document, {**values, **change}, files=[files[0].name])

    with pytest.raises(DataError, match=rf"entry of .*{document.name} .*{next(iter(change))}"):
        merge_predictions(files, tmp_path / "merged.csv")


def test_merge__of_a_damaged_shard__names_it(tmp_path):
    files = write_shards(tmp_path, ".csv")
    content = bytearray(files[1].read_bytes())
    content[-10] ^= 1
    files[1].write_bytes(content)

    with pytest.raises(DataError, match=rf"{files[1].name} is damaged or was changed"):
        merge_predictions(files, tmp_path / "merged.csv")

    document = files[1].with_name(f"{files[1].name}.shard.json")
    document.unlink()
    with pytest.raises(DataError, match=rf"{document.name} is missing, which predict --shard"):
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


def test_merge__of_copied_shards__needs_their_documents_only(tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in write_shards(tmp_path, ".jsonl"):
        shutil.copy(file, folder)
        shutil.copy(f"{file}.shard.json", folder)

    merged = merge_predictions(sorted(folder.glob("*.jsonl")), tmp_path / "merged.jsonl")

    assert merged.n_rows == 10
