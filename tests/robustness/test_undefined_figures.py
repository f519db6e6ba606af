"""Figures that are not defined are null: JSON has no NaN, and no reader must have to know it."""

from __future__ import annotations

import numpy as np
import pytest

from metaadapter import FeatureStore
from metaadapter.apps.cli.app import main
from metaadapter.files.strict_json import parse_json

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
        ("aabbccdd", ("--shots=1", "--seeds=1", "--set=unknown=0.5")),
        ("aabb", ("--shots=1", "--seeds=2")),
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
    assert ("unknown_auroc" in names) == ("--set=unknown=0.5" in options)
    for path in run.glob("*.json"):
        parse_json(path.read_bytes())
