from __future__ import annotations

import json
import shutil

import pytest

from metaadapter.errors import DataError
from metaadapter.report.evaluation_run import EvaluationRun


@pytest.fixture
def copy(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "copy")


def test_read__folder_without_an_evaluation__says_so(tmp_path):
    with pytest.raises(DataError, match="holds no evaluation"):
        EvaluationRun.read(tmp_path)


def test_read__interrupted_evaluation__tells_how_to_go_on(copy):
    (copy / "summary.json").unlink()

    with pytest.raises(DataError, match="did not end: give its command again"):
        EvaluationRun.read(copy)


def test_read__evaluation_that_was_to_grow__is_not_finished(copy):
    record = json.loads((copy / "evaluation.json").read_bytes())
    record["config"]["seeds"] += 1
    (copy / "evaluation.json").write_text(json.dumps(record))

    with pytest.raises(DataError, match="asked for more than its tables hold"):
        EvaluationRun.read(copy)


@pytest.mark.parametrize("name", ["evaluation.json", "summary.json", "integrity.json"])
def test_read__file_that_is_no_json_object__names_it(copy, name):
    (copy / name).write_text("[]")

    with pytest.raises(DataError, match=f"cannot read .*{name}: expected a JSON object"):
        EvaluationRun.read(copy)


def test_read__damaged_table__names_it(copy):
    lines = (copy / "confusion.csv").read_text().splitlines()
    (copy / "confusion.csv").write_text("\n".join([*lines[:3], lines[3][:20]]))

    with pytest.raises(DataError, match=r"confusion\.csv: a line has another number of columns"):
        EvaluationRun.read(copy)


def test_read__summary_of_another_version__asks_to_measure_again(copy):
    summary = json.loads((copy / "summary.json").read_bytes())
    del summary["sets"]
    (copy / "summary.json").write_text(json.dumps(summary))

    with pytest.raises(DataError, match="measure again"):
        EvaluationRun.read(copy)


def test_read__record__changes_with_what_was_measured(finished, copy):
    record = json.loads((copy / "evaluation.json").read_bytes())
    record["methods"]["GDA"] = "another"
    (copy / "evaluation.json").write_text(json.dumps(record))

    assert EvaluationRun.read(copy).record != EvaluationRun.read(finished).record
