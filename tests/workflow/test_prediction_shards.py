from __future__ import annotations

import pytest

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


def test_merge__without_a_shard__names_it(tmp_path):
    first, _, third = write_shards(tmp_path, ".csv")

    with pytest.raises(DataError, match=r"all 3 shards, but these are missing: 2/3; .*--shard 2/3"):
        merge_predictions([first, third], tmp_path / "merged.csv")
    with pytest.raises(UsageError, match="both shard 1"):
        merge_predictions([first, first, third], tmp_path / "merged.csv")
    with pytest.raises(UsageError, match="no table"):
        merge_predictions([], tmp_path / "merged.csv")
    assert not (tmp_path / "merged.csv").exists()


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
