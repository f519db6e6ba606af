from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from metaadapter.training.config_file import load_config
from tools.training_stores_encoders import (
    CLASS_WEIGHTS,
    ENCODERS,
    JUDGES,
    N_FOLDS,
    OFFSET,
    RIDGE,
    _geometry,
    predict_texts,
    teachers,
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
    fold_of_name = {name: zlib.crc32(name.encode()) % N_FOLDS for name in NAMES}
    direction = np.random.default_rng(1).standard_normal(9)
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


def test_predict_texts__class_without_weight__has_a_text_and_teaches_none(classes):
    texts, means, weights = classes
    weights[4:6] = 0
    changed = means.copy()
    changed[4:6] += 5

    before, after = (predict(texts, some, weights) for some in (means, changed))

    np.testing.assert_array_equal(after, before)
    np.testing.assert_allclose(np.linalg.norm(before, axis=1), 1)


def test_stages__columns__are_those_of_every_second_block():
    rows = np.arange(24.0).reshape(2, 12) + 1

    result = _geometry("stages", rows, (2, 3, 2, 5), np.random.default_rng(0))(rows)

    kept = np.concatenate([rows[:, 2:5], rows[:, 7:12]], axis=1)
    np.testing.assert_allclose(result, kept / np.linalg.norm(kept, axis=1, keepdims=True))


@pytest.mark.parametrize(("name", "power"), [("flat", -0.5), ("steep", 0.5)])
def test_spectrum__coordinates__are_principal_components_times_a_power_of_their_deviation(
    name, power
):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((60, 7)) * np.array([9, 5, 3, 2, 1, 0.5, 0.2])
    pca = PCA().fit(rows)
    expected = pca.transform(rows) * pca.explained_variance_ ** (power / 2)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)

    result = _geometry(name, rows, (), rng)(rows)

    # The signs of principal components are arbitrary.
    np.testing.assert_allclose(np.abs(result), np.abs(expected), atol=1e-4)
    np.testing.assert_allclose(result @ result.T, expected @ expected.T, atol=1e-4)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_judges__pictures_that_teach__are_photographs(encoder):
    assert set(teachers(encoder)) <= set(CLASS_WEIGHTS)
    if encoder in JUDGES:
        assert not {"emoji-google", "pacs-cartoon.large"} & set(teachers(encoder))


def _offset(width):
    return np.random.default_rng(1).standard_normal(width)


@pytest.mark.parametrize("recipe", ["default", "pool", "known"])
def test_judges__no_training_source__is_of_their_encoders(recipe):
    config = load_config(Path(__file__).parents[2] / "configs" / "train" / f"{recipe}.toml")

    stores = [store for source in config.data.sources for store in source.stores]

    assert stores
    assert not [store for store in stores if store.partition("@")[2] in JUDGES]
