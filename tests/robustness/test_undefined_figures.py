"""Figures that are not defined are null: JSON has no NaN, and no reader must have to know it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.robustness.artifacts import TRAINING
from metaadapter import FeatureStore
from metaadapter.apps.cli.app import main
from metaadapter.data.strict_json import parse_json

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
METHODS = ("--methods=closed-form,zero-shot", "--jobs=1")


@pytest.fixture
def store(tmp_path):
    """Makes a store of random features; `changes` are arguments of `FeatureStore.create`."""

    def make(labels, **changes):
        rng = np.random.default_rng(0)
        texts = {label: rng.standard_normal(8) for label in set(labels)}
        given = {"texts": texts, "logit_scale": 20.0, **changes}
        FeatureStore.create(tmp_path / "s", rng.standard_normal((len(labels), 8)), labels, **given)
        return tmp_path / "s"

    return make


@pytest.fixture
def document_of(capsys):
    """The JSON document that a command prints."""

    def run(*arguments):
        assert main([*map(str, arguments), "--json"]) == 0
        return parse_json(capsys.readouterr().out)

    return run


@pytest.mark.parametrize(
    ("labels", "options"),
    [
        ("aabb", ("--shots=1", "--seeds=1")),
        ("aabb", ("--shots=1", "--seeds=1", "--queries=1")),
        ("aabbccdd", ("--shots=1", "--seeds=1", "--unknown=0.5")),
        ("aabbccdd", ("--shots=1", "--seeds=2", "--base-to-new")),
    ],
)
def test_evaluation__of_few_tasks__has_null_where_nothing_is_defined(
    store, document_of, tmp_path, labels, options
):
    run = tmp_path / "run"
    document = document_of("evaluate", store(list(labels)), "--out", run, *METHODS, *options)
    document_of("report", run)

    if "--seeds=1" in options:
        assert {mean["half"] for mean in document["means"]} == {None}
    names = {mean["metric"] for mean in document["means"]}
    assert ("unknown_auroc" in names) == ("--unknown=0.5" in options)
    lines = (run / "journal.jsonl").read_bytes().splitlines()
    for text in [*lines, *(path.read_bytes() for path in run.glob("*.json"))]:
        parse_json(text)


@pytest.mark.parametrize("scale", [1e-38, 9e29, None])
@pytest.mark.parametrize("labels", ["ab", "aaabbb"])
def test_adapter__of_any_temperature__predicts_numbers(store, document_of, tmp_path, scale, labels):
    folder = store(list(labels), logit_scale=scale)
    document_of("adapt", folder, "--out", tmp_path / "a")
    document = document_of("predict", tmp_path / "a", folder, "--labelled")

    for row in document["predictions"]:
        assert sum(row["probabilities"].values()) == pytest.approx(1)


def test_training__without_validation__is_summarised_in_json(document_of, tmp_path):
    start, end = TRAINING.index("[[data.validation"), TRAINING.index("[episodes]")
    (tmp_path / "t.toml").write_text(TRAINING[:start] + TRAINING[end:])

    document = document_of("train", tmp_path / "t.toml", "--out", tmp_path / "run")

    assert document["best"] is None
    for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines():
        assert json.loads(line)["step"] >= 0
        parse_json(line)
