"""The probability of known: beside `predict_proba`, after `add_class`, saved and loaded."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from metaadapter import AdapterLibrary
from metaadapter.adapter.known import known_probabilities
from metaadapter.workflow.estimator import MetaAdapterClassifier


@pytest.fixture
def strange(data):
    rows = np.random.default_rng(5).normal(size=(40, data.X.shape[1]))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_known__new_pictures_of_the_classes__are_more_probable_than_others(data, strange):
    classifier = MetaAdapterClassifier(data.texts).fit(data.X, data.y)

    known = classifier.predict_known_proba(data.X_new)

    is_known = np.repeat([True, False], [len(known), len(strange)])
    both = np.concatenate([known, classifier.predict_known_proba(strange)])
    assert ((both > 0) & (both < 1)).all()
    assert roc_auc_score(is_known, both) > 0.9
    passed = classifier.predict_known(np.concatenate([data.X_new, strange]), keep=0.75)
    assert passed[is_known].mean() > passed[~is_known].mean() + 0.3


def test_known__after_a_class_was_added__its_pictures_are_known(data):
    X, y, texts, more = data.without("bee")
    classifier = MetaAdapterClassifier(texts).fit(X, y)
    bees = data.X_new[data.y_new == "bee"]
    before = classifier.predict_known_proba(bees)

    classifier.add_class("bee", more, text=data.texts["bee"])

    assert (classifier.predict_known_proba(bees) > before).mean() > 0.9
    assert classifier.adapter_.likeness.shape == classifier.adapter_.classes.shape


def test_known__with_a_class_of_nothing__leaves_its_share_out_in_python_and_in_libraries(
    data, strange, tmp_path
):
    names = {
        "none of these" if label == "bee" else label: text for label, text in data.texts.items()
    }
    y = np.where(data.y == "bee", "none of these", data.y)
    classifier = MetaAdapterClassifier(names).fit(data.X, y)
    rows = np.concatenate([data.X_new, strange])
    shares = classifier.predict_proba(rows)
    none = [*classifier.classes_].index("none of these")

    known, passed = classifier.predict_known_proba(rows), classifier.predict_known(rows)

    of_head = known_probabilities(torch.from_numpy(rows), classifier.adapter_).numpy()
    np.testing.assert_allclose(known, of_head * (1 - shares[:, none]), atol=1e-9)
    assert not passed[shares.argmax(1) == none].any()
    assert passed.any()
    library = AdapterLibrary.open(tmp_path / "library")
    library.add("one", classifier)
    routed, identified = library.route(rows), library.identify(rows)
    for result, unfamiliar in ((routed, routed.unfamiliar), (identified, identified.is_none)):
        np.testing.assert_allclose(result.known, known, atol=1e-5)
        assert np.array_equal(unfamiliar, ~passed)
