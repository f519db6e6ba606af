from __future__ import annotations

import json
import re
import shutil

import pytest

from metaadapter.bench.report.evaluation_run import EvaluationRun
from metaadapter.data.checksums import file_hash
from metaadapter.errors import DataError


@pytest.fixture
def copy(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "copy")


def test_read__folder_without_an_evaluation__says_so(tmp_path):
    with pytest.raises(DataError, match="holds no evaluation"):
        EvaluationRun.read(tmp_path)


def test_read__interrupted_evaluation__tells_how_to_go_on(copy):
    (copy / "summary.json").unlink()

    with pytest.raises(DataError, match="is not finished: run its command again"):
        EvaluationRun.read(copy)


def test_read__evaluation_that_was_to_grow__is_not_finished(copy, reseal):
    config = json.loads((copy / "evaluation.json").read_bytes())["config"]
    reseal(copy / "evaluation.json", config={**config, "seeds": config["seeds"] + 1})

    with pytest.raises(DataError, match="lack cells that its configuration asks for"):
        EvaluationRun.read(copy)


FILES = ("classes.csv", "confusion.csv", "mistakes.csv", "bins.csv", "integrity.json")


def one_digit_changed(content):
    place = re.search(rb"\d", content).start()
    return content[:place] + b"7"[content[place : place + 1] == b"7" :] + content[place + 1 :]


@pytest.mark.parametrize(
    ("names", "change"),
    [
        (["evaluation.json", "summary.json", *FILES], one_digit_changed),
        (["evaluation.json", "summary.json", "integrity.json"], lambda _: b"[]"),
        (FILES, lambda content: content * 2),
        (["rows.csv"], lambda _: b""),
    ],
    ids=["one digit changed", "no object", "another evaluation", "emptied"],
)
def test_read__damaged_file__is_refused_by_its_name(copy, names, change):
    for name in names:
        content = (copy / name).read_bytes()
        (copy / name).write_bytes(change(content))
        remedy = " .*measure again into another folder" if change is one_digit_changed else ""
        with pytest.raises(DataError, match=f"{name} is damaged{remedy}"):
            EvaluationRun.read(copy)
        (copy / name).write_bytes(content)


def test_read__table_of_draws__is_not_needed(finished, copy):
    (copy / "draws.csv.gz").unlink()

    assert EvaluationRun.read(copy).record == EvaluationRun.read(finished).record


def test_read__each_file__is_hashed_once(finished, monkeypatch):
    hashed = []
    monkeypatch.setattr(
        "metaadapter.data.checksums.file_hash",
        lambda path: (hashed.append(path), file_hash(path))[1],
    )

    EvaluationRun.read(finished)

    assert sorted(path.name for path in hashed) == sorted([*FILES, "rows.csv"])


def test_read__summary_of_another_version__asks_to_measure_again(copy, reseal):
    reseal(copy / "summary.json", sets=None)

    with pytest.raises(DataError, match="evaluate into another folder"):
        EvaluationRun.read(copy)


def test_read__record__changes_with_what_was_measured(finished, copy, reseal):
    methods = json.loads((copy / "evaluation.json").read_bytes())["methods"]
    reseal(copy / "evaluation.json", methods={**methods, "GDA": "another"})

    assert EvaluationRun.read(copy).record != EvaluationRun.read(finished).record
