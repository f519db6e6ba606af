"""Adapters of labelled pictures with unlabelled ones, of names alone, and predictions together."""

from __future__ import annotations

import numpy as np
import pytest

from metaadapter.adapter.files import store_adapter
from metaadapter.data.decode import content_hash
from metaadapter.workflow.prediction.run_predict import predict
from metaadapter.workflow.run_adapt import adapt

NAMES = ["heron", "lynx", "red_fox"]


def test_adapt__unlabelled_folder__agrees_with_the_classifier(
    adapted, labelled, unlabelled, loaded, fitted
):
    result = adapted(labelled, unlabelled=unlabelled)

    U = loaded.encode_images(sorted(unlabelled.iterdir()))
    classifier, before = fitted(U), fitted()
    classes = result.adapter.weights.classes
    np.testing.assert_allclose(classes, classifier.adapter_.classes, atol=1e-6)
    effect = result.pool_effect
    assert effect.n == result.adapter.config.n_unlabelled == 6
    assert effect.changed == pytest.approx((before.predict(U) != classifier.predict(U)).mean())


def test_adapt__unlabelled_feature_store__gives_the_adapter_of_its_pictures(
    store_of, labelled, unlabelled, adapted
):
    shots, pool = store_of(labelled), store_of(unlabelled)

    first = adapted(labelled, unlabelled=unlabelled)
    others = [
        adapted(labelled, unlabelled=pool),
        adapt(shots, unlabelled=pool),
        adapt(shots, unlabelled=unlabelled),
    ]

    for other in others:
        np.testing.assert_allclose(
            other.adapter.weights.classes, first.adapter.weights.classes, atol=1e-6
        )


def test_adapt__names_alone__is_zero_shot_and_with_a_pool_learns_from_it(
    adapted, unlabelled, loaded
):
    alone = adapted(classes=NAMES).adapter.weights
    pooled = adapted(classes=NAMES, unlabelled=unlabelled).adapter.weights

    texts = loaded.encode_texts(["heron", "lynx", "red fox"])
    rows = loaded.encode_images(sorted(unlabelled.iterdir()))
    expected = loaded.logit_scale * rows @ texts.T
    logits = rows @ (alone.logit_scale * alone.classes).numpy().T + alone.class_bias.numpy()
    np.testing.assert_allclose(
        logits - logits.mean(1, keepdims=True),
        expected - expected.mean(1, keepdims=True),
        atol=1e-4,
    )
    assert (pooled.classes - alone.classes).abs().max() > 1e-3


def test_predict__together__learns_from_the_pictures_and_leaves_the_adapter(
    adapter, unlabelled, loaded, fitted, tmp_path
):
    before = {path.name: content_hash(path) for path in adapter.iterdir() if path.name != ".lock"}

    predicted = predict(adapter, [unlabelled], together=True)

    U = loaded.encode_images(sorted(unlabelled.iterdir()))
    expected = fitted(U).predict_proba(U)
    rows = [list(prediction.probabilities.values()) for prediction in predicted.predictions()]
    np.testing.assert_allclose(rows, expected, atol=1e-6)
    assert {
        path.name: content_hash(path) for path in adapter.iterdir() if path.name != ".lock"
    } == before
    store_adapter(tmp_path / "kept", predicted.adapter)
    again = predict(tmp_path / "kept", [unlabelled]).predictions()
    np.testing.assert_allclose(
        [[*prediction.probabilities.values()] for prediction in again], rows, rtol=1e-9
    )
