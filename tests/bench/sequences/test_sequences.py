"""Sequences of tasks: their draws, their evaluation, and its report."""

from __future__ import annotations

import pandas as pd
import pytest

from metaadapter.bench.evaluation.methods.method_names import LEARNERS, resolve_learners
from metaadapter.bench.evaluation.sets.store_sets import load_sets
from metaadapter.bench.report.evaluation_run import EvaluationRun
from metaadapter.bench.report.evaluation_views import markdown, page
from metaadapter.bench.report.findings import find
from metaadapter.bench.run import evaluate
from metaadapter.bench.sequences.learner_by_name import PEERS
from metaadapter.bench.sequences.sequence import draw_sequence
from metaadapter.files.checksums import check_files


def test_run__tables_and_report__have_every_measure_and_prove_themselves(
    zoo, plan, tmp_path, read_page
):
    result = evaluate(plan(*zoo, continual="pooled"), tmp_path / "run")

    assert result.n_measured == 8  # learners, shots, seeds
    rows, steps = (pd.read_csv(tmp_path / "run" / f"{name}.csv") for name in ("rows", "steps"))
    assert len(rows) == 8
    assert len(steps) == 8 * 4  # cells of the matrix
    assert list(dict.fromkeys(steps["set"])) == ["pets", "toys"]
    at_end = steps[steps["after"] == 2].groupby(["method", "n_shot", "seed"])["accuracy"].mean()
    last = rows.set_index(["method", "n_shot", "seed"])["accuracy"]
    assert last.to_dict() == pytest.approx(at_end.to_dict())
    assert all(problem == "" for _, problem in check_files(tmp_path / "run"))
    draws = pd.read_csv(tmp_path / "run" / "draws.csv.gz")
    assert draws.groupby(["seed", "task"])["store"].first().tolist() == ["pets", "toys"] * 2
    found = find(EvaluationRun.read(tmp_path / "run"))
    gain = found.gain["pets → toys"]["library@zero-shot"][2].mean
    means = last.groupby(["method", "n_shot"]).mean()
    assert gain == pytest.approx(means["growing@prototypes", 2] - means["library@zero-shot", 2])
    for text in (markdown(found), read_page(page(found, {})).words):
        assert "Forgetting, %" in text
        assert f"{100 * means['growing@prototypes', 2]:.1f}" in text


def test_resolve__peers__are_all_of_them_once_also_with_the_joint_features():
    result = resolve_learners(("library", "RAIL-primal", "peers", "peers@joint"))

    assert result[:2] == ("library", "RAIL-primal")
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
