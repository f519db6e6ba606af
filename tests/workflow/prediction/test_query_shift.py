"""The warning of pictures that come from elsewhere than the labelled ones."""

from __future__ import annotations

import numpy as np
import pytest

from metaadapter.adapter.files import load_adapter
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.generator.domain_shift import LEAST_POOL
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.prediction.query_shift import QuerySample
from metaadapter.workflow.prediction.run_predict import NOT_LEARNED, predict
from metaadapter.workflow.run_adapt import adapt

CLASSES, WIDTH = ("fox", "lynx", "owl", "wolf"), 48


@pytest.fixture
def store(tmp_path):
    """Makes a store of pictures around the direction of each class, all moved by an offset."""
    directions = np.random.default_rng(0).normal(size=(len(CLASSES), WIDTH))

    def make(name, n, *, offset=0.0, noise=1.0, seed=1, labelled=True):
        rng = np.random.default_rng(seed)
        labels = np.arange(n) % len(CLASSES)
        elsewhere = np.random.default_rng(5).normal(size=WIDTH)
        rows = directions[labels] + noise * rng.normal(size=(n, WIDTH)) + offset * elsewhere
        texts = dict(zip(CLASSES, directions, strict=True))
        return FeatureStore.create(
            tmp_path / name,
            rows,
            [CLASSES[label] for label in labels] if labelled else None,
            texts=texts if labelled else None,
            encoder="of numbers",
            logit_scale=20.0,
        ).folder

    return make


@pytest.fixture
def adapter(store, tmp_path):
    adapt(store("labelled", 16)).save(tmp_path / "adapter")
    return tmp_path / "adapter"


@pytest.mark.parametrize("n", [LEAST_POOL, 60])
def test_predict__pictures_from_elsewhere__warns_and_together_adapts(adapter, store, n):
    far = store("far", n, offset=3.0, seed=2)

    predicted = predict(adapter, [far], labelled=True)
    together = predict(adapter, [far], labelled=True, together=True)

    assert predicted.shift.is_shifted
    assert predicted.shift.n == n
    (warning,) = predicted.shift.lines("look twice")
    assert "another camera" in warning
    assert warning.endswith("points of accuracy: look twice")
    correct = [answers.scores.accuracy.value for answers in (predicted, together)]
    assert correct[1] > correct[0]


def test_predict__pictures_from_elsewhere_that_mix_the_classes__names_no_remedy(store, tmp_path):
    nameless, mixed = tmp_path / "nameless", store("mixed", 60, offset=6.0, noise=6.0, seed=2)
    adapt(store("labelled", 16), class_names=None).save(nameless)

    predicted = predict(nameless, [mixed])
    together = predict(nameless, [mixed], together=True)

    (warning,) = predicted.shift.lines("look twice")
    assert predicted.shift.gain is None
    assert warning.endswith("Label some of these pictures: nothing else is expected to help")
    assert NOT_LEARNED in together.tally.warnings
    assert together.adapter.config.n_unlabelled == 0


def test_predict__pictures_of_the_same_domain__says_nothing(adapter, store):
    predicted = predict(adapter, [store("near", 60, seed=3)])

    assert not predicted.shift.is_shifted
    assert predicted.shift.lines("look") == []
    assert predicted.shift.to_dict() == {
        "n": 60,
        "ratio": predicted.shift.ratio,
        "probability": predicted.shift.probability,
        "of_pool": False,
        "gain": None,
        "is_shifted": False,
    }


def test_predict__adapter_with_a_pool_from_elsewhere__names_the_pool(store, tmp_path):
    far = store("far", 40, offset=1.5, seed=2, labelled=False)
    adapt(store("labelled", 16), unlabelled=far).save(tmp_path / "pooled")

    as_labelled, as_pool = (
        predict(tmp_path / "pooled", [store(name, 60, offset=offset, seed=4)]).shift
        for name, offset in (("near", 0.0), ("again", 1.5))
    )

    assert as_labelled.of_pool
    (warning,) = as_labelled.lines("look")
    assert "than the unlabelled ones of this adapter" in warning
    assert not as_pool.is_shifted


def test_classifier__pictures_from_elsewhere__warns_as_predict_does(adapter, store):
    classifier = MetaAdapterClassifier.load(adapter)
    near, far = (
        FeatureStore.open(store(name, 60, offset=offset, seed=2)).mean_features()[0]
        for name, offset in (("near", 0.0), ("far", 3.0))
    )
    ratio = predict(adapter, [store("again", 60, offset=3.0, seed=2)]).shift.ratio

    classifier.predict(near)
    classifier.predict(far[: LEAST_POOL - 1])
    with pytest.warns(UserWarning, match=f"shift ratio {ratio:.1f}, .* pass them to fit"):
        classifier.predict(far)


def test_predict__class_with_only_a_name__has_no_shift(adapter, store):
    classifier = MetaAdapterClassifier.load(adapter).add_class("bear", text=np.ones(WIDTH))
    classifier.save(adapter)

    assert predict(adapter, [store("far", 60, offset=3.0, seed=2)]).shift is None


@pytest.mark.parametrize("sizes", [(900, 900, 900, 900), (1, 3000, 7, 0, 600), (3608,)])
def test_sample__in_parts__is_that_of_all_pictures_at_once(adapter, sizes):
    rows = np.random.default_rng(0).normal(size=(sum(sizes), WIDTH))
    rows[len(rows) // 2 :] += 1.0  # a folder that is sorted by camera
    stored = load_adapter(adapter)
    sample, every_fourth = QuerySample(stored), QuerySample(stored)

    for part in np.split(rows, np.cumsum(sizes)[:-1]):
        sample.add(part)
    every_fourth.add(rows[::4])

    assert sample.measured == every_fourth.measured
    assert sample.measured.n == -(-len(rows) // 4)
