from __future__ import annotations

import numpy as np
import pytest
import torch

from metaadapter import MetaAdapterClassifier
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.task_signature import TaskSignature
from metaadapter.apps.library.compose import compose, rows_of_signature

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


def bare(stored):
    """The adapter as it is without its pictures."""
    return StoredAdapter(stored.weights, stored.config, None, (), TaskSignature.of(stored.support))


@pytest.fixture
def two(library):
    """A library of two entries of the generator that ships, and all their pictures."""
    parts = [pictures("fox", "lynx", seed=1), pictures("heron", "owl", "tit", seed=2)]
    for name, part in zip(("beasts", "birds"), parts, strict=True):
        library.add(name, default_fit(*part))
    rows, labels = (np.concatenate(columns) for columns in list(zip(*parts, strict=True))[:2])
    return library, rows, labels, parts[0][2] | parts[1][2]


def test_merge__entries_with_supports__is_the_adapter_of_all_pictures(two):
    library, rows, labels, texts = two

    merged = library.merge(["beasts", "birds"], "animals")

    joint = default_fit(rows, labels, texts)
    assert merged.config.classes == joint.classes_.tolist()
    rows_asked_about = np.random.default_rng(5).standard_normal((20, WIDTH))
    result = library.load("animals").predict_proba(rows_asked_about)
    np.testing.assert_array_equal(result, joint.predict_proba(rows_asked_about))
    assert library.names == ["animals", "beasts", "birds"]


def test_merge__in_another_order__is_the_same_adapter(two):
    library, *_ = two

    one, other = (
        library.merge(names, "animals", replace=True)
        for names in (["beasts", "birds"], ["birds", "beasts"])
    )

    torch.testing.assert_close(one.weights.tensors(), other.weights.tensors())


def test_merge__entries_that_share_a_class__puts_their_pictures_together(library):
    one, other = pictures("fox", "lynx", seed=1), pictures("fox", "owl", n_shots=2, seed=2)
    library.add("one", default_fit(*one))
    library.add("other", default_fit(*other))

    merged = library.merge(["one", "other"], "both")

    assert merged.config.classes == ["fox", "lynx", "owl"]
    assert merged.config.n_shots == [5, 3, 2]
    assert merged.support.support_mask_TNK.sum(-1).tolist() == [[5, 3, 2]]


def test_merge__one_entry_without_its_support__answers_nearly_alike_and_keeps_none(two):
    library, rows, labels, _ = two
    parts = {"beasts": library.stored("beasts"), "birds": bare(library.stored("birds"))}

    merged = compose(parts)

    assert (merged.support, merged.picture_hashes) == (None, ())
    assert merged.task_signature.counts.tolist() == [3] * 5
    result = np.array(merged.config.classes)[
        (torch.tensor(rows).float() @ merged.task_signature.means.T).argmax(-1)
    ]
    assert (result == labels).mean() > 0.8


@pytest.mark.parametrize("n_shots", [1, 2, 5])
def test_rows_of_signature__have_the_means_and_the_scatter_of_the_pictures(n_shots):
    fitted = default_fit(*pictures("heron", "owl", "tit", n_shots=n_shots, seed=3))
    signature = TaskSignature.of(fitted.stored_.support)

    result, classes = rows_of_signature(signature)

    assert classes.bincount().tolist() == [n_shots] * 3
    torch.testing.assert_close(result.norm(dim=-1), torch.ones(3 * n_shots))
    means = torch.stack([result[classes == number].mean(0) for number in range(3)])
    assert (torch.cosine_similarity(means, signature.means) > 0.95).all()
    torch.testing.assert_close(means.norm(dim=-1), signature.means.norm(dim=-1), rtol=0.1, atol=0)
    assert torch.equal(result, rows_of_signature(signature)[0])
