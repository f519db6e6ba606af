"""Scores by which a method tells strangers, and the figures that `measure` gives them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from metaadapter.adapter.known import known_probabilities, prediction_sets
from metaadapter.adapter.weights import probabilities
from metaadapter.bench.evaluation import evaluation_set
from metaadapter.bench.evaluation.draws import draw_tasks
from metaadapter.bench.evaluation.evaluation_set import noun_features
from metaadapter.bench.evaluation.measure import measure
from metaadapter.bench.evaluation.method_by_name import load_method
from metaadapter.bench.evaluation.store_sets import far_set, set_of_store
from metaadapter.bench.evaluation.strangers import draw_far
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.store.feature_store import FeatureStore


@pytest.fixture
def drawn(pets, make_store, load):
    """The set, its tasks and their far strangers."""
    zoo = make_store("zoo", {"elk": 9, "fox": 9}, seed=1)
    data, config = load(
        pets, strangers=(str(zoo.folder),), unknown=0.25, tasks=2, ways=4, shots=(2,), queries=5
    )
    rows = draw_tasks(data, config, 0)
    return data, rows, draw_far(far_set(data, config), rows, 0)


def features_of(drawn, task):
    """Of the queries with their ways, of near and of far strangers."""
    data, rows, far = drawn
    query_NQ = rows.query_TNQ[task]
    way_q = (query_NQ >= 0).nonzero()[:, 0]
    queries = data.look_up(query_NQ[query_NQ >= 0])
    near, others = rows.off_class_TO[task], far.picture_TF[task]
    return queries, way_q, data.look_up(near[near >= 0]), far.data.look_up(others[others >= 0])


def fitted(drawn, name):
    from metaadapter.adapter.support import Support

    data, rows, _ = drawn
    support = Support.of_tasks(
        data.look_up(rows.support_TNK),
        data.text_CD[rows.classes_TN],
        rows.support_TNK >= 0,
        logit_scale=data.logit_scale,
    )
    with torch.no_grad():
        return load_method(name).fit(support)


def figures_of(drawn, *names):
    """The rows of methods on the tasks and strangers."""
    data, rows, far = drawn
    return [measure(load_method(name), data, rows, far=far)["rows"] for name in names]


def test_measure__head_of_the_adapter__is_judged_by_what_it_says(drawn):
    (result,) = figures_of(drawn, "closed-form")

    weights = fitted(drawn, "closed-form")
    for task in range(2):
        adapter = weights.task(task)
        queries, way_q, *strangers = features_of(drawn, task)
        p_queries = known_probabilities(queries, adapter).numpy()
        threshold = float(adapter.reject_threshold)
        for name, rest, kept in zip(
            ("unknown_auroc", "far_auroc"), strangers, ("kept_near", "kept_far"), strict=True
        ):
            p_rest = known_probabilities(rest, adapter).numpy()
            truth = np.repeat([1, 0], [len(p_queries), len(p_rest)])
            area = roc_auc_score(truth, np.concatenate([p_queries, p_rest]))
            assert result[name][task] == pytest.approx(area)
            assert result[kept][task] == pytest.approx((p_rest >= threshold).mean())
        assert result["kept"][task] == pytest.approx((p_queries >= threshold).mean())
        sets = prediction_sets(probabilities(queries, adapter), adapter, 0.9)
        assert result["set_size"][task] == pytest.approx(float(sets.double().sum(-1).mean()))
        covered = sets[torch.arange(len(way_q)), way_q].double().mean()
        assert result["set_coverage"][task] == pytest.approx(float(covered))


def test_measure__other_score__changes_what_is_told_of_strangers_alone(drawn):
    one, other = figures_of(drawn, "closed-form", "closed-form@prototype")

    assert (one["accuracy"], one["nll"]) == (other["accuracy"], other["nll"])
    assert one["far_auroc"] != other["far_auroc"]
    assert other["kept"] == [None, None]


@pytest.mark.slow
def test_noun_features__of_tiny__are_its_texts_of_imagenets_classes(monkeypatch, tmp_path):
    from open_clip import zero_shot_metadata

    monkeypatch.setattr(zero_shot_metadata, "IMAGENET_CLASSNAMES", ("crane", "tench", "crane"))
    evaluation_set._encoded.cache_clear()
    encoder = FrozenEncoder.load("tiny", zoom=False)
    rng = np.random.default_rng(0)
    store = FeatureStore.create(
        tmp_path / "store",
        rng.standard_normal((4, encoder.dim)),
        ["a", "a", "b", "b"],
        encoder=encoder,
    )

    data = set_of_store(store.folder)
    result = noun_features(data)

    assert result.numpy() == pytest.approx(encoder.encode_texts(["crane", "tench"]))
    columns = list(data.joint.columns)
    of_joint = result[:, columns] / result[:, columns].norm(dim=-1, keepdim=True)
    assert torch.allclose(noun_features(data.joint), of_joint, atol=1e-6)
    evaluation_set._encoded.cache_clear()
