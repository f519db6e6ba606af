"""Sequences of tasks: their draws, their evaluation, and its report."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.method_names import LEARNERS, resolve_learners
from metaadapter.bench.evaluation.store_sets import load_sets
from metaadapter.bench.report.evaluation_run import EvaluationRun
from metaadapter.bench.run import evaluate
from metaadapter.bench.sequences.findings import find_continual
from metaadapter.bench.sequences.learner_by_name import PEERS
from metaadapter.bench.sequences.report import continual_page
from metaadapter.bench.sequences.sequence import draw_sequence
from metaadapter.data.checksums import check_files


def test_run__tables_and_summary__are_written_and_prove_themselves(zoo, plan, tmp_path):
    result = evaluate(plan(*zoo, continual="pooled"), tmp_path / "run")

    rows = pd.read_csv(tmp_path / "run" / "rows.csv")
    assert len(rows) == 2 * 2 * 2 * 4  # learners, shots, seeds, cells of the matrix
    assert list(dict.fromkeys(rows["store"])) == ["pets", "toys"]
    assert result.n_measured == 8
    summary = json.loads((tmp_path / "run" / "summary.json").read_bytes())
    assert {row["measure"] for row in summary["figures"]} == {
        *("last", "average", "transfer", "forgetting", "identification", "bytes_a_class")
    }
    assert all(problem == "" for _, problem in check_files(tmp_path / "run"))
    draws = pd.read_csv(tmp_path / "run" / "draws.csv.gz")
    assert draws.groupby(["seed", "task"])["store"].first().tolist() == ["pets", "toys"] * 2


def test_resolve__peers__are_all_of_them_once_also_with_the_joint_features():
    result = resolve_learners(("library", "RanPAC", "peers", "peers@joint"))

    assert result[:2] == ("library", "RanPAC")
    assert set(result) == {"library", *PEERS, *(f"{name}@joint" for name in PEERS)}
    assert set(LEARNERS) == set(PEERS)


def test_sequence__stores__are_tasks_in_the_order_given(zoo, plan):
    config = plan(*zoo[::-1])

    result = draw_sequence(load_sets(config), config, seed=0)

    assert [place.name for place in result] == ["toys", "pets"]
    assert sorted(result[0].classes) == ["Ant", "car", "kite"]


def test_sequence__splits__share_out_the_classes_of_each_store(zoo, plan):
    config = plan(zoo[0], splits=2)

    result = draw_sequence(load_sets(config), config, seed=3)

    assert [place.name for place in result] == ["pets 1", "pets 2"]
    assert sorted(result[0].classes + result[1].classes) == ["ant", "bee", "cow", "dog"]
    orders = {draw_sequence(load_sets(config), config, seed)[0].classes for seed in range(9)}
    assert len(orders) > 2


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
