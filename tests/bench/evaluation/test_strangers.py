"""Strangers: which pictures are drawn, how methods tell them, and their figures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from metaadapter.adapter.known import known_probabilities, prediction_sets
from metaadapter.adapter.weights import probabilities
from metaadapter.bench.evaluation.draws import draw_tasks
from metaadapter.bench.evaluation.measure import measure
from metaadapter.bench.evaluation.methods.method_by_name import load_method
from metaadapter.bench.evaluation.sets import evaluation_set
from metaadapter.bench.evaluation.sets.evaluation_set import noun_features
from metaadapter.bench.evaluation.sets.store_sets import far_set, set_of_store
from metaadapter.bench.evaluation.strangers import (
    FAR,
    UNKNOWN,
    draw_far,
    score_strangers,
)
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.features.store.feature_store import FeatureStore


@pytest.fixture
def others(make_store):
    """Two stores of other pictures, one of them small; "n01 Ant" and "bee" are classes of pets."""
    zoo = make_store("zoo", {"n01440764 Ant": 9, "elk": 9, "fox": 9}, seed=1).folder
    farm = make_store("farm", {"bee": 4, "hen": 2, "pig": 1}, seed=2).folder
    return str(zoo), str(farm)


@pytest.fixture
def far_of(pets, others, load):
    """The far strangers of the tasks of an evaluation."""

    def make(seed=0, **changes):
        data, config = load(pets, strangers=others, **changes)
        return draw_far(far_set(data, config), draw_tasks(data, config, seed), seed)

    return make


@pytest.mark.parametrize(("changes", "expected"), [({"ways": 3}, 6), ({"unknown": 0.25}, 2)])
def test_draw_far__as_many_as_near_strangers_or_queries(far_of, changes, expected):
    far = far_of(queries=2, **changes)

    assert far.picture_TF.shape == (1, expected)
    assert len(set(far.picture_TF[0].tolist())) == expected


def test_draw_far__classes_that_the_set_has_by_readable_name__are_left_out(far_of):
    far = far_of()

    labels = {far.data.classes[number] for number in far.data.labels_n[far.picture_TF[0]]}
    assert labels == {"elk", "fox", "hen", "pig"}


def test_draw_tasks__strangers_asked_for__are_the_tasks_as_without(pets, others, load):
    one, other = (
        draw_tasks(*load(pets, unknown=0.25, queries=3, **more), 0)
        for more in ({}, {"strangers": others})
    )

    for field in ("support_TNK", "query_TNQ", "off_class_TO"):
        assert torch.equal(getattr(one, field), getattr(other, field))


def answers_of(seed=0, **columns):
    """Of three tasks: the second has no far strangers, the last no known picture."""
    rng = np.random.default_rng(seed)
    task = np.repeat([0, 1, 2], 30)
    way = rng.choice([0, 1, 2, UNKNOWN, FAR], 90)
    way[(task == 1) & (way == FAR)] = UNKNOWN
    way[(task == 2) & (way >= 0)] = FAR
    result = {"task": task, "way": way, "confidence": rng.integers(0, 9, 90) / 9}
    result |= {name: draw(rng) for name, draw in columns.items()}
    return np.rec.fromarrays(result.values(), names=list(result))


def normal(rng):
    return rng.standard_normal(90)


def flags(rng):
    return rng.integers(0, 2, 90).astype(float)


@pytest.mark.parametrize(("columns", "by"), [({}, "confidence"), ({"known": normal}, "known")])
def test_score__areas__are_those_of_each_kind_of_strangers_alone(columns, by):
    answers = answers_of(**columns)

    result = score_strangers(answers, 3)

    for name, kind in (("unknown_auroc", UNKNOWN), ("far_auroc", FAR)):
        for task in range(3):
            here = answers[answers.task == task]
            here = here[(here.way >= 0) | (here.way == kind)]
            is_known = here.way >= 0
            if is_known.all() or not is_known.any():
                assert np.isnan(result[name][task])
            else:
                expected = roc_auc_score(is_known, here[by])
                assert result[name][task] == pytest.approx(expected)


def test_score__fractions__are_means_of_the_pictures_that_they_speak_of():
    answers = answers_of(kept=flags, covered=flags, set_size=normal)

    result = score_strangers(answers, 3)

    for name, column, kinds in (
        ("kept", "kept", (0, 1, 2)),
        ("kept_near", "kept", (UNKNOWN,)),
        ("kept_far", "kept", (FAR,)),
        ("set_coverage", "covered", (0, 1, 2)),
        ("set_size", "set_size", (0, 1, 2)),
    ):
        for task in range(3):
            values = [row[column] for row in answers if row["task"] == task and row["way"] in kinds]
            expected = np.mean(values) if values else np.nan
            assert result[name][task] == pytest.approx(expected, nan_ok=True), name


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
    """The features of the queries, their ways, and the features of near and of far strangers."""
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
    one, other = figures_of(drawn, "closed-form", "closed-form@mcm")

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
