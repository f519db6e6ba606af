"""`metaadapter evaluate --continual`, and `report` of it."""

from __future__ import annotations

import json

import pytest

FEW = ("--methods", "nearest mean,zero-shot", "--shots", "1", "--seeds", "2", "--jobs", "1")


@pytest.fixture
def stores(make_store):
    counts = {"pets": {"ant": 6, "bee": 6, "cow": 6, "dog": 6}, "toys": {"car": 6, "kite": 6}}
    return [make_store(*store, spread=0.8).folder for store in counts.items()]


def test_evaluate__continual__tells_figures_and_gains(run, stores, tmp_path):
    done = run("evaluate", *stores, "--continual", "pooled", "--out", tmp_path / "run", *FEW)

    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert "4 cells, 4 of them measured now" in lines[0]
    assert "pooled, 2 tasks, in %, 1 shot" in lines
    assert "Gain of nearest mean over each learner, points, 1 shot" in lines
    assert sum(line.startswith("pass: ") for line in lines) == 4
    again = run("evaluate", *stores, "--continual", "pooled", "--out", tmp_path / "run", *FEW)
    assert "4 cells, 0 of them measured now" in again.out


def test_evaluate__splits_and_shuffle_from_a_configuration__shape_the_sequence(
    run, stores, tmp_path
):
    config = tmp_path / "plan.toml"
    config.write_text(
        f'stores = ["{stores[0]}"]\ncontinual = "class-incremental"\nsplits = 2\nshuffle = true\n'
    )

    done = run("evaluate", "--config", config, "--out", tmp_path / "run", *FEW, "--json")

    assert done.code == 0, done.err
    assert done.document["config"]["splits"] == 2
    report = run("report", tmp_path / "run", "--json")
    assert report.document["tasks"] == ["task 1", "task 2"]


def test_report__continual__writes_page_markdown_and_json(run, stores, tmp_path):
    run("evaluate", *stores, "--continual", "task-incremental", "--out", tmp_path / "run", *FEW)

    done = run("report", tmp_path / "run", "--out", tmp_path / "pages")

    assert done.code == 0, done.err
    names = ("report.html", "report.md", "report.json")
    assert done.out.split() == [str(tmp_path / "pages" / name) for name in names]
    document = json.loads((tmp_path / "pages" / "report.json").read_bytes())
    assert document["schema"] == "metaadapter.continual_report/1"
    assert document["setting"] == "task-incremental"
