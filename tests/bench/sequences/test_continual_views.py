"""A continual evaluation read back, as a page and as Markdown."""

from __future__ import annotations

import json

import pytest

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.report.evaluation_run import EvaluationRun
from metaadapter.bench.run import evaluate
from metaadapter.bench.sequences.findings import find_continual
from metaadapter.bench.sequences.report import continual_page

COUNTS = {"pets": {"ant": 6, "bee": 6, "cow": 6}, "toys": {"car": 6, "kite": 6}}


@pytest.fixture(scope="module")
def pooled(store_in, tmp_path_factory):
    """The result and the figures of an evaluation of two learners on two tasks."""
    folder = tmp_path_factory.mktemp("zoo")
    stores = [str(store_in(folder, *named, spread=1.0).folder) for named in COUNTS.items()]
    methods = ("nearest mean", "zero-shot")
    config = EvaluationConfig(
        stores=stores, continual="pooled", methods=methods, shots=(1, 3), seeds=2
    )
    evaluation = evaluate(config, folder / "run")
    return find_continual(EvaluationRun.read(folder / "run")), evaluation


def test_result__pooled__has_what_was_measured(pooled):
    result, evaluation = pooled

    assert result.tasks == ("1 pets", "2 toys")
    rows = evaluation.rows
    is_last = (rows["method"] == "nearest mean") & (rows["n_shot"] == 3) & (rows["after"] == 2)
    mean = pytest.approx(rows[is_last]["accuracy"].mean())
    assert result.figures["last"]["nearest mean"][3].mean == mean
    assert result.mean_curve["nearest mean"][3][1].mean == mean
    first = rows[is_last & (rows["task"] == 1)]["accuracy"]
    assert result.first_curve["nearest mean"][3][1].mean == pytest.approx(first.mean())
    assert result.accuracy["nearest mean"][3][1][0] == pytest.approx(first.mean())
    gain = result.gain["last"]["zero-shot"][3].mean
    last = result.figures["last"]
    assert gain == pytest.approx(last["nearest mean"][3].mean - last["zero-shot"][3].mean)
    json.dumps(result.to_dict(), allow_nan=False)


def test_page__pooled__has_figures_curves_and_a_matrix_a_learner(pooled, read_page):
    result, _ = pooled

    page = read_page(continual_page(result))

    assert "nearest mean through 2 tasks, pooled" in page.words
    assert "Transfer" in page.words
    assert len(page.all("figure")) == 4
    assert not page.all("script")
