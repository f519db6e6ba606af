from __future__ import annotations

import re
import shutil

import pytest

from metaadapter.bench.report.evaluation_run import EvaluationRun
from metaadapter.bench.report.findings import find
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


FILES = ("classes.csv", "confusion.csv", "mistakes.csv", "bins.csv")


def one_digit_changed(content):
    place = re.search(rb"\d", content).start()
    return content[:place] + b"7"[content[place : place + 1] == b"7" :] + content[place + 1 :]


@pytest.mark.parametrize(
    ("names", "change"),
    [
        (["evaluation.json", "summary.json", *FILES], one_digit_changed),
        (["evaluation.json", "summary.json"], lambda _: b"[]"),
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
            find(EvaluationRun.read(copy))
        (copy / name).write_bytes(content)
