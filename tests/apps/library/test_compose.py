from __future__ import annotations

import numpy as np
import pytest
import torch

from metaadapter import MetaAdapterClassifier
from metaadapter.adapter.unit_rows import unit_rows
from metaadapter.adapter.weights import probabilities
from metaadapter.apps.library.compose import compose

WIDTH = 12


def pictures(*classes, n_shots=3, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(classes, n_shots)
    centres = {label: rng.standard_normal(WIDTH) for label in classes}
    rows = np.stack([centres[label] for label in labels]) + rng.standard_normal(
        (len(labels), WIDTH)
    )
    return rows, labels, centres


def default_fit(rows, labels, texts):
    return MetaAdapterClassifier(texts, logit_scale=20.0).fit(rows, labels)


@pytest.fixture
def two():
    """Two adapters of the generator that ships, and all their pictures."""
    parts = [pictures("fox", "lynx", seed=1), pictures("heron", "owl", "tit", seed=2)]
    rows, labels = (np.concatenate(columns) for columns in list(zip(*parts, strict=True))[:2])
    adapters = [default_fit(*part).stored_ for part in parts]
    return adapters, rows, labels, parts[0][2] | parts[1][2]


def test_compose__two_adapters__is_the_adapter_of_all_pictures(two):
    parts, rows, labels, texts = two

    merged = compose(parts)

    joint = default_fit(rows, labels, texts)
    assert merged.config.classes == joint.classes_.tolist()
    asked = np.random.default_rng(5).standard_normal((20, WIDTH))
    result = probabilities(unit_rows(asked), merged.weights)
    np.testing.assert_allclose(result, joint.predict_proba(asked), atol=1e-6)


def test_compose__in_another_order__is_the_same_adapter(two):
    parts, *_ = two

    one, other = compose(parts), compose(parts[::-1])

    torch.testing.assert_close(one.weights.tensors(), other.weights.tensors())


def test_compose__adapters_that_share_a_class__puts_their_pictures_together():
    one, other = pictures("fox", "lynx", seed=1), pictures("fox", "owl", n_shots=2, seed=2)

    merged = compose([default_fit(*one).stored_, default_fit(*other).stored_])

    assert merged.config.classes == ["fox", "lynx", "owl"]
    assert merged.config.n_shots == [5, 3, 2]
    assert merged.support.support_mask_TNK.sum(-1).tolist() == [[5, 3, 2]]
