from __future__ import annotations

import json
import sys

import pytest

COUNTS = {"ant": 7, "bee": 7, "cow": 7}


@pytest.fixture
def measured(run, make_store, tmp_path):
    """A finished evaluation."""
    store = make_store("pets", COUNTS, spread=1.0)
    few = ("--methods", "prototypes,zero-shot", "--shots", "1,2", "--seeds", "2", "--jobs", "1")
    assert run("evaluate", store.folder, "--out", tmp_path / "run", *few).code == 0
    return tmp_path / "run"


def test_report__evaluation__writes_page_markdown_and_json_beside_the_tables(run, measured):
    done = run("report", measured)

    assert done.code == 0, done.err
    names = [f"report.{kind}" for kind in ("html", "json", "md", "tex")]
    assert done.out.split() == [str(measured / name) for name in names]
    assert (measured / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    document = json.loads((measured / "report.json").read_bytes())
    assert document["schema"] == "metaadapter.report/1"
    assert document["reference"] == "prototypes"
    assert "0 of " in done.err
    assert "--pictures FOLDER" in done.err


@pytest.mark.parametrize(
    ("file", "reason"),
    [("place/report.html", "holds other files"), ("place", "choose another --out")],
    ids=["page of others", "file"],
)
def test_report__out_that_holds_something_else__ends_with_3_and_leaves_it(
    run, measured, tmp_path, file, reason
):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("precious")

    done = run("report", measured, "--out", tmp_path / "place")

    assert done.code == 3
    assert reason in done.err
    assert (tmp_path / file).read_text() == "precious"


def test_report__without_matplotlib__writes_what_needs_none(run, measured, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    done = run("report", measured)

    assert done.code == 5
    assert "pip install 'metaadapter[report]'" in done.err
    assert (measured / "report.md").is_file()
    assert (measured / "report.json").is_file()
