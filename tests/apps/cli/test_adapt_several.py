"""`adapt --several` and `predict` of its adapters, by the program, and where they are refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.apps.cli.conftest import Run


def test_predict_answers_with_all_labels(
    adapt: Callable[..., Run], run: Callable[..., Run], manifest: Path, tmp_path: Path
) -> None:
    made = adapt(manifest, "--several", "--json").document
    assert made["schema"] == "metaadapter.adapt-several/1"
    assert made["n_pictures"] == 18
    assert set(made["thresholds"]) == {"heron", "lynx", "red_fox"}
    adapter = tmp_path / "adapter"
    document = run("predict", adapter, manifest.parent, "--json").document
    for prediction in document["predictions"]:
        over = {
            label
            for label, p in prediction["probabilities"].items()
            if p >= made["thresholds"][label]
        }
        assert set(prediction["labels"]) == over
        assert prediction["label"] == (";".join(prediction["labels"]) or "none of these")
    shown = run("predict", adapter, manifest.parent / "both-0.png")
    assert shown.code == 0
    assert shown.out.split("\t")[1].count(";") <= 2


def test_pictures_of_nothing_that_are_missing_are_asked_for(
    adapt: Callable[..., Run], manifest: Path
) -> None:
    asked = "no picture is labelled 'none of these'"
    assert asked in " ".join(adapt(manifest, "--several", "--json").document["warnings"])
    manifest.write_text(manifest.read_text().replace(",heron\n", ",none of these\n", 1))
    assert asked not in " ".join(adapt(manifest, "--several", "--json").document["warnings"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["predict", "{adapter}", "{pictures}", "--reject"], "gives several labels"),
        (["predict", "{adapter}", "{pictures}", "--together"], "adapters of one label"),
        (["predict", "{adapter}", "{pictures}", "--labelled"], "adapters of one label"),
        (["predict", "{adapter}", "{pictures}", "--burst", "10"], "adapters of one label"),
        (["add", "{adapter}", "wolf", "--text", "wolf"], "adapters of one label only"),
        (["library", "add", "{new}", "{adapter}"], "one label"),
    ],
)
def test_what_needs_one_label_refuses(
    adapt: Callable[..., Run],
    run: Callable[..., Run],
    manifest: Path,
    tmp_path: Path,
    arguments: list[str],
    words: str,
) -> None:
    adapt(manifest, "--several")
    places = {"adapter": tmp_path / "adapter", "pictures": manifest.parent, "new": tmp_path / "new"}
    result = run(*(argument.format(**places) for argument in arguments))
    assert result.code in (2, 4)
    assert words in result.err


def test_evaluate_compares_methods(
    encode: Callable[..., Run], run: Callable[..., Run], manifest: Path, tmp_path: Path
) -> None:
    encode(manifest)
    command = ("evaluate", tmp_path / "store", "--several", "--shots", "2", "--seeds", "2")
    document = run(*command, "--out", tmp_path / "run", "--json").document
    assert document["schema"] == "metaadapter.evaluate/1"
    figures = [row for row in document["means"] if row["metric"] == "mean_average_precision"]
    assert figures[0]["method"] == "default"
    assert len({row["method"] for row in figures}) >= 4
    refused = run(*command, "--out", tmp_path / "run", "--set", "by_group=true")
    assert refused.code == 3
    assert "several excludes by_group" in refused.err
    shutil.copytree(tmp_path / "store", tmp_path / "other")
    pair = f"{tmp_path / 'store'}@{tmp_path / 'other'}"
    assert "single stores" in run("evaluate", pair, *command[2:], "--out", tmp_path / "new").err
    assert not (tmp_path / "new").exists()
    again = run(*command, "--out", tmp_path / "run", "--json").document
    assert again["n_measured"] == 0
    assert again["means"] == document["means"]
