from __future__ import annotations

import numpy as np
import pytest

from metaadapter.adapter.label_tree import LabelTree
from metaadapter.workflow.estimator import MetaAdapterClassifier

CLASSES = ["car", "cat", "dog", "fox", "wolf"]
TREE = LabelTree(
    {"dog": "canine", "fox": "canine", "wolf": "canine", "cat": "animal", "canine": "animal"}
)


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
