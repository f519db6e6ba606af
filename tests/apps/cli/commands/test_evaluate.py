from __future__ import annotations

import csv
import json

import pytest

COUNTS = {"ant": 7, "bee": 7, "cow": 7, "dog": 7}
FEW = ("--methods", "prototypes,zero-shot", "--shots", "1,2", "--seeds", "2", "--jobs", "1")
ONE_SHOT = (
    "--methods",
    "growing@GDA,fine-tuning",
    "--shots",
    "1",
    "--seeds",
    "2",
    "--jobs",
    "1",
)


@pytest.fixture
def pets(make_store):
    return make_store("pets", COUNTS, spread=0.8).folder


def rows(folder):
    with (folder / "rows.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def evaluate(run, tmp_path):
    """`metaadapter evaluate … --out tmp_path/run` of two methods."""

    def command(*arguments):
        return run("evaluate", *arguments, "--out", tmp_path / "run", *FEW)

    return command


def test_evaluate__stores__writes_rows_and_tells_accuracy_differences_and_integrity(
    evaluate, pets, tmp_path
):
    done = evaluate(pets)

    assert done.code == 0, done.err
    assert len(rows(tmp_path / "run")) == 2 * 2 * 2
    lines = done.out.splitlines()
    assert "8 cells, 8 of them measured now" in lines[0]
    assert [line.split("|")[1].strip() for line in lines if line.startswith("| ")] == [
        *("shots", "zero-shot", "prototypes"),  # by rank
        *("shots", "zero-shot"),
        *("shots", "zero-shot", "prototypes") * 2,  # log loss and calibration error
    ]
    title = "Gain of prototypes over each method, in points, pets, ± over draws / over classes"
    assert any(line.startswith(title) for line in lines)
    assert sum(line.startswith("pass: ") for line in lines) == 4
    assert "8 cells, 0 of them measured now" in evaluate(pets).out


def test_evaluate__failed_check__is_told_and_ends_with_3_if_strict(evaluate, make_store, tmp_path):
    copies = make_store("pets", COUNTS, sha256=[f"{n % 7}" for n in range(28)]).folder

    done, strict = evaluate(copies), evaluate(copies, "--strict", "--json")

    assert done.code == 0
    assert "fail: support and queries apart" in done.out
    assert strict.code == 3
    assert [box["status"] for box in strict.document["integrity"]].count("fail") == 1
    assert "warning: support and queries apart: pictures with the same bytes" in strict.err
    assert json.loads((tmp_path / "run" / "summary.json").read_bytes())["integrity"]


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ("pets", 2, "--out RUN"),
        ("pets --out run --shots 1;2", 3, "shots"),
        ("pets --out run --queries some", 3, "queries"),
        ("nowhere --out run", 3, "nowhere"),
        ("pets --out run --shots 7 --jobs 1", 3, "Ask for fewer --shots"),
    ],
)
def test_evaluate__mistake__is_named(run, pets, tmp_path, monkeypatch, arguments, code, reason):
    monkeypatch.chdir(tmp_path)

    done = run("evaluate", *arguments.split())

    assert done.code == code
    assert reason in " ".join(done.err.split())


@pytest.fixture
def stores(make_store):
    counts = {"pets": {"ant": 6, "bee": 6, "cow": 6, "dog": 6}, "toys": {"car": 6, "kite": 6}}
    return [make_store(*store, spread=0.8).folder for store in counts.items()]


def test_evaluate__continual__tells_figures_and_gains(run, stores, tmp_path):
    command = ("evaluate", *stores, "--set", "continual=pooled", "--out", tmp_path / "run")
    done = run(*command, *ONE_SHOT)

    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert "4 cells, 4 of them measured now" in lines[0]
    assert "Accuracy in %, pets → toys" in lines
    assert "Forgetting, % (small is good)" in lines
    assert sum(line.startswith("pass: ") for line in lines) == 4
    assert "4 cells, 0 of them measured now" in run(*command, *ONE_SHOT).out
