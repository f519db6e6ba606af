"""The effect that is reported of unlabelled pictures, also of those that cannot help."""

from __future__ import annotations

import numpy as np
import pytest

from metaadapter.adapter.files import load_adapter
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.unlabelled_pictures import pool_effect

CLASSES = ["fox", "lynx", "owl"]
WIDTH = 32


@pytest.fixture
def effect_of(tmp_path):
    """The effect of a pool on an adapter of three classes, alike as pictures of one kind are."""

    def effect(pool):
        X = around([0, 0, 1, 1, 2, 2], seed=0)
        texts = dict(zip(CLASSES, np.eye(WIDTH)[:3] + 0.3, strict=True))
        classifier = MetaAdapterClassifier(texts, logit_scale=20.0)
        classifier.fit(X, np.repeat(CLASSES, 2), unlabelled=pool)
        classifier.save(tmp_path / "adapter")
        stored = load_adapter(tmp_path / "adapter")
        return pool_effect(stored), stored.support

    return effect


def around(axes, seed=1):
    """Pictures of one class an axis; those of the first three have the last axis in common."""
    rng = np.random.default_rng(seed)
    rows = np.eye(WIDTH)[axes] + 0.1 * rng.normal(size=(len(axes), WIDTH))
    rows[:, -1] += np.array(axes) < 3
    return rows


def test_pool_effect__pictures_of_the_classes__are_like_them(effect_of):
    effect, _ = effect_of(around([0, 1, 2] * 5))

    assert effect.unlike == 0
    assert len(effect.lines(CLASSES)) == 1


def test_pool_effect__strangers__are_told_to_be_of_none_of_the_classes(effect_of):
    effect, support = effect_of(around([0, 1, *range(5, 17)]))

    shots, labels = (tensor.numpy() for tensor in support.labelled_rows())
    to_others = [
        max(a @ b for b, other in zip(shots, labels, strict=True) if other != label)
        for a, label in zip(shots, labels, strict=True)
    ]
    pool = support.pool_TUD[0].numpy()
    unlike = np.mean([max(row @ shot for shot in shots) < min(to_others) for row in pool])
    assert 0.5 < unlike < 1
    assert effect.unlike == pytest.approx(unlike)
    assert "none of the classes" in effect.lines(CLASSES)[1]
