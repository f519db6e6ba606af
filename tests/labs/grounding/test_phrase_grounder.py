from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from metaadapter import MetaAdapterClassifier
from metaadapter.adapter.files import load_adapter
from metaadapter.labs.grounding.ground import class_examples

NAMES = {"cat": "cat", "black_cat": "black cat", "a1": "striped mug", "lamp": "lamp"}


@pytest.fixture(scope="module")
def encoder(make_encoder):
    return make_encoder("vit", zoom=False)


@pytest.fixture(scope="module")
def rows(encoder):
    draw = np.random.default_rng(0).normal(size=(20, encoder.dim)).astype(np.float32)
    return draw / np.linalg.norm(draw, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def stored(tmp_path_factory, encoder, rows):
    folder = tmp_path_factory.mktemp("adapter") / "a"
    labels = [label for label in NAMES for _ in range(5)]
    MetaAdapterClassifier(NAMES, encoder=encoder).fit(rows, labels).save(folder)
    return load_adapter(folder)


@pytest.mark.parametrize(
    ("phrase", "label"),
    [
        ("the cat", "cat"),
        ("the black cat left of the lamp", "black_cat"),
        ("a lamp above the cat", "lamp"),
        ("the striped mug", "a1"),
        ("the mug", None),
        ("the catalogue", None),
    ],
)
def test_the_class_named_first_is_shown(stored, encoder, phrase, label):
    shown = class_examples(stored, encoder, phrase)

    assert (shown and shown.label) == label


def test_its_first_four_pictures_are_the_examples(stored, encoder, rows):
    shown = class_examples(stored, encoder, "the lamp")

    lamp = list(stored.config.classes).index("lamp")
    features, labels = stored.support.labelled_rows()
    assert shown.vectors.shape == (4, encoder.dim)
    torch.testing.assert_close(shown.vectors, normalize(features[labels == lamp][:4], dim=-1))
    assert np.isin(shown.vectors.numpy().round(4), rows[15:].round(4)).all()
