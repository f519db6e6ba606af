from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import Ridge

from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.encoder import FrozenEncoder
from tools.training_stores_encoders import (
    N_FOLDS,
    OFFSET,
    RIDGE,
    pooling,
    predict_texts,
)

NAMES = [f"class {number // 2}" for number in range(40)]


@pytest.fixture
def classes():
    rng = np.random.default_rng(0)
    texts = rng.standard_normal((40, 6)).astype(np.float32)
    means = texts @ rng.standard_normal((6, 9)) + 2 + 0.3 * rng.standard_normal((40, 9))
    return texts, means, rng.uniform(0.3, 3, 40)


def predict(texts, means, weights, names=NAMES):
    return predict_texts(texts, means, weights, names, np.random.default_rng(1))


def test_predict_texts__slow_loop_of_scikit_learn__is_the_same(classes):
    texts, means, weights = classes
    rng = np.random.default_rng(1)
    fold_of_name = dict(zip(sorted(set(NAMES)), rng.permutation(20) % N_FOLDS, strict=True))
    direction = rng.standard_normal(9)
    expected = np.empty_like(means)
    for row, name in enumerate(NAMES):
        seen = [i for i, other in enumerate(NAMES) if fold_of_name[other] != fold_of_name[name]]
        ridge = Ridge(alpha=RIDGE).fit(texts[seen], means[seen], sample_weight=weights[seen])
        # Without the mean of the pictures: texts lie around the origin, then around the offset.
        expected[row] = ridge.predict(texts[[row]])[0] - np.average(
            means[seen], axis=0, weights=weights[seen]
        )
    expected /= np.mean([np.linalg.norm(row) for row in expected])
    expected += OFFSET * direction / np.linalg.norm(direction)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)

    predicted = predict(*classes)

    np.testing.assert_allclose(predicted, expected, atol=1e-5)


def test_predict_texts__pictures_of_a_class_change__its_own_text_does_not_but_for_the_scale(
    classes,
):
    texts, means, weights = classes
    changed = means.copy()
    changed[4:6] += 5  # both classes of one name
    offset = _offset(9)

    before = predict(texts, means, weights)
    after = predict(texts, changed, weights)

    # In the plane that a text spans with the offset, only the mean length of all has moved it.
    for row in (4, 5):
        plane = np.linalg.qr(np.stack([before[row], offset], axis=1))[0]
        np.testing.assert_allclose(plane @ (plane.T @ after[row]), after[row], atol=1e-9)
    off_plane = [
        after[row] - plane @ (plane.T @ after[row])
        for row in range(40)
        if row not in (4, 5)
        for plane in [np.linalg.qr(np.stack([before[row], offset], axis=1))[0]]
    ]
    assert np.linalg.norm(off_plane, axis=1).max() > 0.01


def test_pooling__tiny__gives_a_cone_that_its_own_features_cannot_join():
    tiny = FrozenEncoder.load("tiny", device="cpu")
    tones = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]

    pooled = pooling(tiny)
    features = pooled.encode_images(tones)

    assert features.shape == (2, 1280)
    assert features.min() >= 0
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-6)
    assert tiny.encode_images(tones).shape == (2, 2 * (512 + 992))
    with pytest.raises(IncompatibleArtifact, match="wide"):
        pooled.fingerprint.require_match(tiny.fingerprint, owner="the store")


def _offset(width):
    rng = np.random.default_rng(1)
    rng.permutation(20)
    return rng.standard_normal(width)
