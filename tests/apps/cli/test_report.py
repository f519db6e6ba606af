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
    names = [f"report.{kind}" for kind in ("html", "json", "md", "tex", "csv")]
    assert done.out.split() == [str(measured / name) for name in names]
    assert (measured / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    document = json.loads((measured / "report.json").read_bytes())
    assert document["schema"] == "metaadapter.report/1"
    assert document["reference"] == "prototypes"
    assert "0 of " in done.err
    assert "--pictures FOLDER" in done.err


@pytest.mark.usefixtures("without_drawings")
def test_report__out__leaves_the_evaluation_alone(run, measured, tmp_path):
    before = {path: path.read_bytes() for path in measured.iterdir()}

    done = run("report", measured, "--out", tmp_path / "new" / "place", "--json", "--quiet")

    assert done.code == 0
    assert done.document["files"][0] == str(tmp_path / "new" / "place" / "report.html")
    assert {path: path.read_bytes() for path in measured.iterdir()} == before


@pytest.mark.usefixtures("without_drawings")
def test_report__out_of_one_killed_at_its_first_file__is_taken_up(run, measured, tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "report.json.tmp").write_text("{")

    done = run("report", measured, "--out", tmp_path / "new")

    assert done.code == 0, done.err
    assert {file.name for file in (tmp_path / "new").iterdir()} == {
        *("report.html", "report.json", "report.md", "report.tex", "report.csv")
    }


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


def test_report__same_evaluation__gives_the_same_files(run, measured, tmp_path):
    for name in ("one", "two"):
        run("report", measured, "--out", tmp_path / name)

    for name in ("report.html", "report.md", "report.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_report__no_evaluation__ends_with_3(run, tmp_path):
    done = run("report", tmp_path)

    assert done.code == 3
    assert "holds no evaluation" in done.err
