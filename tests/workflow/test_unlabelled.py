"""`fit(X, y, unlabelled=U)`: the same adapter as the generator's, kept, loaded and extended."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.files import load_adapter
from metaadapter.adapter.weights import probabilities
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.fit_adapter import predict_adapter
from metaadapter.workflow.gradient_steps import FineTune
from metaadapter.workflow.unlabelled_pictures import predict_together


@pytest.fixture
def few(data):
    """One labelled picture a class, and the others as unlabelled ones."""
    first = np.unique(data.y, return_index=True)[1]
    rest = np.setdiff1d(np.arange(len(data.y)), first)
    return data.X[first], data.y[first], np.concatenate([data.X[rest], data.X_new])


def test_fit__with_unlabelled_rows__is_the_generator_s_answer_to_that_pool(data, few, shipped):
    X, y, unlabelled = few

    classifier = MetaAdapterClassifier(data.texts, generator=shipped)
    classifier.fit(X, y, unlabelled=3 * unlabelled)

    pool = normalize(torch.from_numpy(unlabelled).double(), dim=-1).float()
    bare = MetaAdapterClassifier(data.texts, generator=shipped).fit(X, y)
    expected = predict_adapter(shipped, bare.support_.with_pool(pool))
    result = classifier.predict_proba(data.X_new)
    np.testing.assert_allclose(
        result, probabilities(torch.from_numpy(data.X_new), expected), atol=1e-6
    )
    assert np.abs(result - bare.predict_proba(data.X_new)).max() > 0.01


def test_save__keeps_the_pool__so_that_a_class_can_be_added_later(data, few, tmp_path):
    X, y, unlabelled = few
    last = y == max(y)
    name = max(y)
    texts = {label: text for label, text in data.texts.items() if label != name}
    classifier = MetaAdapterClassifier(texts).fit(X[~last], y[~last], unlabelled=unlabelled)
    classifier.save(tmp_path / "a")

    loaded = MetaAdapterClassifier.load(tmp_path / "a")

    assert loaded.support_.n_pool == len(unlabelled)
    assert "unlabelled ones" in (tmp_path / "a" / "README.md").read_text()
    np.testing.assert_array_equal(
        loaded.predict_proba(data.X_new), classifier.predict_proba(data.X_new)
    )
    for fitted in (classifier, loaded):
        fitted.add_class(name, X[last], text=data.texts[name])
    # A saved pool is rounded to half precision.
    np.testing.assert_allclose(
        loaded.predict_proba(data.X_new), classifier.predict_proba(data.X_new), atol=0.01
    )
    assert loaded.support_.n_pool == len(unlabelled)
    assert loaded.score(data.X_new, data.y_new) > 0.8


def test_predict_together__refined_adapter__is_predicted_with_the_pictures(data, shipped, tmp_path):
    refined = MetaAdapterClassifier(data.texts, mode="finetune", fine_tuning=FineTune(n_steps=9))
    refined.fit(data.X, data.y).save(tmp_path / "adapter")
    stored = load_adapter(tmp_path / "adapter")
    assert stored.config.n_steps == 9

    together = predict_together(stored, data.X_new, tmp_path / "adapter")

    expected = predict_adapter(shipped, together.support)
    torch.testing.assert_close(together.weights.classes, expected.classes, rtol=0, atol=1e-6)
    assert (together.config.n_steps, together.config.n_unlabelled) == (0, len(data.X_new))
