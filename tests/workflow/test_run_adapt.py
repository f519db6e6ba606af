from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from metaadapter.adapter.files import load_adapter
from metaadapter.errors import DataError, UsageError
from metaadapter.workflow import choose_n_steps
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.gradient_steps import FineTune
from metaadapter.workflow.labelled_pictures import Selection
from metaadapter.workflow.prediction.run_predict import predict
from metaadapter.workflow.run_adapt import adapt


def always_step(losses_STX, _counts_TX):
    """The first number of steps, whatever left-out pictures say."""
    return torch.ones(losses_STX.shape[1], dtype=torch.long)


def test_adapt__class_folders__gives_the_adapter_that_the_estimator_gives(
    adapted, labelled, fitted, tmp_path
):
    config = adapted(labelled).adapter.config
    adapted(labelled).save(tmp_path / "adapter")

    expected = fitted()
    expected.save(tmp_path / "by hand")
    stored, by_hand = load_adapter(tmp_path / "adapter"), load_adapter(tmp_path / "by hand")
    np.testing.assert_allclose(stored.support.text_TND, by_hand.support.text_TND, atol=1e-6)
    np.testing.assert_allclose(stored.weights.classes, expected.adapter_.classes, atol=5e-3)
    assert stored.config.class_names == by_hand.config.class_names == ["heron", "lynx", "red fox"]
    assert stored.config == config


def refit(config, picture, labelled, loaded):
    """The prediction for a picture by an adapter of the others, with the same steps."""
    paths = [path for path in sorted(labelled.glob("*/*")) if path != picture]
    classifier = MetaAdapterClassifier(
        dict(zip(config.classes, config.class_names, strict=True)),
        encoder=loaded,
        mode="finetune",
        fine_tuning=FineTune(n_steps=config.n_steps),
    ).fit(loaded.encode_images(paths), [path.parent.name for path in paths])
    rows = classifier.predict_proba(loaded.encode_images([picture]))[0]
    return str(classifier.classes_[rows.argmax()]), float(rows.max())


def test_adapt__finetune__estimate_and_mistakes_are_those_of_refined_adapters(
    adapted, blurred, loaded, monkeypatch
):
    monkeypatch.setattr(choose_n_steps, "CHECKED", (30,))
    monkeypatch.setattr(choose_n_steps, "_choose", always_step)
    # One class without a wrong label, so that some of the pictures are predicted correctly.
    (min(blurred.iterdir()) / "0.png").unlink()

    result = adapted(blurred, mode="finetune")

    config, (accuracy, mistakes) = result.adapter.config, result.estimate
    assert config.n_steps == 30
    expected = []
    for picture in sorted(blurred.glob("*/*")):
        label, probability = refit(config, picture, blurred, loaded)
        if label != picture.parent.name:
            expected.append((str(picture), picture.parent.name, label, probability))
    assert 0 < len(mistakes) < 8
    assert [mistake[:3] for mistake in mistakes] == [row[:3] for row in expected]
    probabilities = [mistake.probability for mistake in mistakes]
    assert probabilities == pytest.approx([row[3] for row in expected], abs=2e-2)
    assert accuracy.n - accuracy.n_correct == len(mistakes)


def test_adapt__feature_store__gives_the_same_adapter_without_loading_the_encoder(
    adapted, labelled, unlabelled, store_of, tmp_path, request, monkeypatch
):
    expected = adapted(labelled, selection=Selection(views=2, seed=3))
    expected.save(tmp_path / "adapter")
    store, new = (store_of(source, views=2, seed=3) for source in (labelled, unlabelled))
    of_pictures, of_store = (
        [prediction.to_dict() for prediction in predict(tmp_path / "adapter", [source]).kept]
        for source in (unlabelled, new)
    )

    request.getfixturevalue("no_encoder")
    monkeypatch.setenv("HOME", str(store.parent))
    stored = adapt(f"~/{store.name}").adapter

    for name, tensor in expected.adapter.weights.tensors().items():
        np.testing.assert_array_equal(tensor, stored.weights.tensors()[name])
    for fact in ("origin", "logit_scale", "n_shots", "class_names"):
        assert getattr(stored.config, fact) == getattr(expected.adapter.config, fact)
    assert of_pictures == of_store


def test_adapt__pictures_that_are_likely_to_hurt__are_in_the_warnings(adapted, labelled, tmp_path):
    support = shutil.copytree(labelled, tmp_path / "pictures")
    (support / "red_fox").rename(support / "class 1")
    shutil.copy(support / "class 1" / "0.png", support / "heron" / "0.png")

    warnings = "\n".join(adapted(support).warnings)

    assert "('class 1')" in warnings
    assert "--no-text" in warnings
    assert "the same picture is in 'class 1'" in warnings


def test_adapt__several_labels__exclude_what_needs_one_label(adapted, labelled, unlabelled):
    with pytest.raises(UsageError, match="several labels exclude unlabelled, mode 'finetune'"):
        adapted(labelled, several=True, unlabelled=unlabelled, mode="finetune")


def test_adapt__several_labels_and_a_class_that_cannot_be_read__is_refused(adapted, tmp_path):
    Image.new("RGB", (20, 20), "red").save(tmp_path / "1.png")
    (tmp_path / "2.png").write_bytes(b"no picture")
    (tmp_path / "m.csv").write_text("path,label\n1.png,fox;snow\n2.png,fox;owl\n")

    with pytest.raises(DataError, match="no picture of class 'owl' can be read"):
        adapted(tmp_path / "m.csv", several=True)
