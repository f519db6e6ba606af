"""Adapters of labelled pictures with unlabelled ones, of names alone, and predictions together."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from metaadapter.adapter.files import load_adapter, store_adapter
from metaadapter.data.decode import content_hash
from metaadapter.errors import DataError, UsageError
from metaadapter.workflow import unlabelled_pictures
from metaadapter.workflow.class_texts import ClassNames
from metaadapter.workflow.labelled_pictures import Selection
from metaadapter.workflow.run_adapt import adapt
from metaadapter.workflow.run_add import add
from metaadapter.workflow.run_predict import predict

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
    shares = [(classifier.predict(U) == label).mean() for label in classifier.classes_]
    assert effect.shares == pytest.approx(shares)


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


def test_adapt__copies_of_labelled_pictures__are_left_out_with_a_warning(
    adapted, labelled, unlabelled, tmp_path
):
    folder = shutil.copytree(unlabelled, tmp_path / "new")
    shutil.copy(labelled / "heron" / "0.png", folder / "seen before.png")
    shutil.copy(folder / "lynx-0.png", folder / "twice.png")

    result = adapted(labelled, unlabelled=folder)

    assert "2 unlabelled picture(s) are copies" in " ".join(result.unlabelled.warnings)
    assert result.adapter.config.n_unlabelled == 6


def test_adapt__more_than_the_most_unlabelled__are_drawn_by_the_seed(
    adapted, labelled, unlabelled, monkeypatch
):
    monkeypatch.setattr(unlabelled_pictures, "MOST_UNLABELLED", 4)

    results = [
        adapted(labelled, unlabelled=unlabelled, selection=Selection(seed=seed))
        for seed in (0, 0, 1)
    ]

    (warning, *_) = results[0].unlabelled.warnings
    assert "of 6 unlabelled pictures 4 are used" in warning
    rows = [result.adapter.support.pool_TUD[0].numpy() for result in results]
    assert (rows[0] == rows[1]).all()
    assert rows[2].shape == rows[0].shape
    assert (rows[2] != rows[0]).any()


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


def test_adapt__names_with_a_text__are_read_as_the_text(adapted):
    names = ClassNames(texts={"fox": "small red animal"})

    result = adapted(classes=["heron", "fox"], class_names=names)

    assert result.adapter.config.class_names == ["small red animal", "heron"]


def test_adapt__one_name_or_names_beside_pictures__are_refused(adapted, labelled):
    with pytest.raises(UsageError, match="at least two"):
        adapted(classes=["heron"])
    with pytest.raises(UsageError, match="not both"):
        adapted(labelled, classes=NAMES)


def test_adapt__unlabelled_pictures_that_cannot_be_read__are_an_error(adapted, labelled, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")

    with pytest.raises(DataError, match=r"broken\.png"):
        adapted(labelled, unlabelled=tmp_path)


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


def test_predict__together_with_an_adapter_that_has_a_pool__keeps_that_too(
    adapted, labelled, unlabelled, tmp_path
):
    first, second = sorted(unlabelled.iterdir())[:3], sorted(unlabelled.iterdir())[2:]
    for picture in first:
        (tmp_path / "first").mkdir(exist_ok=True)
        shutil.copy(picture, tmp_path / "first")
    adapted(labelled, unlabelled=tmp_path / "first").save(tmp_path / "a")
    whole = adapted(labelled, unlabelled=unlabelled).adapter

    grown = predict(tmp_path / "a", second, together=True).adapter

    # One of the pictures is in both halves.
    assert grown.config.n_unlabelled == whole.config.n_unlabelled == 6
    np.testing.assert_allclose(grown.weights.classes, whole.weights.classes, atol=1e-3)


def test_predict__together_without_the_support__is_refused_before_pictures_are_read(
    adapter, tmp_path
):
    bare = replace(load_adapter(adapter), support=None, picture_hashes=())
    store_adapter(tmp_path / "bare", bare)

    with pytest.raises(UsageError, match="saved without its support features"):
        predict(tmp_path / "bare", [tmp_path / "nothing here"], together=True)


def test_add__pictures_of_the_pool__leave_it(adapted, labelled, unlabelled, tmp_path):
    adapted(labelled, unlabelled=unlabelled).save(tmp_path / "a")
    pictures = sorted(unlabelled.glob("heron-*.png"))

    grown = add(tmp_path / "a", "blue heron", pictures).adapter

    assert grown.config.n_unlabelled == grown.support.n_pool == 6 - len(pictures)
