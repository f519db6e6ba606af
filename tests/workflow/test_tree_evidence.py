from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.label_tree import LabelTree
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.generator.pretrained import shared_generator
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.fit_adapter import predict_adapter
from metaadapter.workflow.tree_evidence import (
    OF_PARENT,
    OF_SIBLINGS,
    siblings_of,
    with_parents_names,
    with_siblings,
)

CLASSES = ["car", "cat", "dog", "fox", "wolf"]
TREE = LabelTree(
    {"dog": "canine", "fox": "canine", "wolf": "canine", "cat": "animal", "canine": "animal"}
)


class Reader:
    """An encoder whose text of a name is one axis, by the length of the name."""

    reads_texts, logit_scale = True, 100.0

    def encode_texts(self, names):
        return np.eye(16, dtype=np.float32)[[len(name) for name in names]]


@pytest.fixture
def support():
    """Two pictures of each class except the wolf, which has only a name."""
    draw = torch.Generator().manual_seed(0)
    rows = normalize(torch.randn(8, 16, generator=draw), dim=-1)
    texts = normalize(torch.randn(5, 16, generator=draw), dim=-1)
    return Support.of_rows(rows, torch.arange(4).repeat(2), texts, logit_scale=50.0)


def test_siblings__are_below_the_nearest_ancestor_with_pictures():
    pictured = torch.tensor([True, True, False, False, False])

    assert siblings_of(pictured, CLASSES, TREE) == {2: [1], 3: [1], 4: [1]}
    pictured[2] = True
    assert siblings_of(pictured, CLASSES, TREE) == {3: [2], 4: [2]}


@pytest.mark.parametrize("generator", ["default", "closed-form"])
def test_with_siblings__logits__are_those_of_the_formula(support, generator):
    weights = predict_adapter(shared_generator(generator)[0], support)
    queries = normalize(torch.randn(20, 16, dtype=torch.float64), dim=-1)
    before = classify(queries, weights)

    after = classify(queries, with_siblings(weights, support.present_TNK[0].any(-1), CLASSES, TREE))

    expected = before.clone()
    for row in expected:
        row[4] += OF_SIBLINGS * ((row[2] + row[3]) / 2 - row[:4].mean())
    torch.testing.assert_close(after, expected)


def test_with_parents_names__only_classes_without_pictures__move(support):
    moved = with_parents_names(support, CLASSES, TREE, Reader())

    expected = support.text_TND[0].clone()
    expected[4, len("canine")] += OF_PARENT
    torch.testing.assert_close(moved.text_TND[0], normalize(expected, dim=-1))


def fitted(tree, texts):
    rng = np.random.default_rng(0)
    means = dict(zip(CLASSES, rng.normal(size=(5, 16)), strict=True))
    labels = [label for label in CLASSES[:4] for _ in range(3)]
    X = np.array([means[label] for label in labels]) + 0.3 * rng.normal(size=(12, 16))
    return MetaAdapterClassifier(texts, tree=tree, logit_scale=50.0).fit(X, labels), X


def test_classifier__with_a_tree__answers_at_sure_nodes_and_keeps_them(tmp_path):
    rng = np.random.default_rng(3)
    texts = dict(zip(CLASSES, rng.normal(size=(5, 16)), strict=True))
    classifier, X = fitted(TREE, texts)

    answers = classifier.predict_sure(X, 0.8)
    classifier.save(tmp_path / "pets")
    loaded = MetaAdapterClassifier.load(tmp_path / "pets")

    shares = classifier.predict_proba(X)
    for answer, row in zip(answers, shares, strict=True):
        canine, animal = row[2:].sum(), row[1:].sum()
        probable = {"canine": canine, "animal": animal, **dict(zip(CLASSES, row, strict=True))}
        assert answer.probability >= 0.8 or answer.label is None
        if answer.label is not None:
            assert answer.probability == pytest.approx(probable[answer.label])
    assert loaded.predict_sure(X, 0.8) == answers
    flat, _ = fitted(None, texts)
    np.testing.assert_allclose(  # classes with pictures compare as before
        shares[:, 0] / shares[:, 1], (p := flat.predict_proba(X))[:, 0] / p[:, 1], rtol=1e-6
    )


def test_classifier__added_class__takes_its_place_in_the_tree():
    rng = np.random.default_rng(3)
    texts = dict(zip(CLASSES[:4], rng.normal(size=(4, 16)), strict=True))
    classifier, X = fitted(TREE, texts)

    classifier.add_class("wolf", text=rng.normal(size=16))

    tree = classifier.stored_.config.class_tree
    assert tree is not None
    assert tree.classes == tuple(CLASSES)
    for answer, row in zip(
        classifier.predict_sure(X, 0.5), classifier.predict_proba(X), strict=True
    ):
        sums = {
            "animal": row[1:].sum(),
            "canine": row[2:].sum(),
            **dict(zip(CLASSES, row, strict=True)),
        }
        assert answer.probabilities == pytest.approx([sums[name] for name in answer.path])
