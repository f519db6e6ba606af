from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from metaadapter.adapter.files import load_adapter
from metaadapter.data.decode import content_hash
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.workflow import choose_n_steps, left_out_accuracy
from metaadapter.workflow.class_texts import ClassNames
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.gradient_steps import FineTune
from metaadapter.workflow.labelled_pictures import Selection
from metaadapter.workflow.run_adapt import adapt
from metaadapter.workflow.run_predict import predict


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


def test_adapt__open_pictures_in_the_estimator__give_the_same_adapter_to_the_last_bit(
    adapted, labelled, loaded
):
    paths = sorted(labelled.rglob("*.png"))
    names = {"heron": "heron", "lynx": "lynx", "red_fox": "red fox"}

    X = loaded.encode_images([Image.open(path) for path in paths])
    classifier = MetaAdapterClassifier(names, encoder=loaded)
    classifier.fit(X, [path.parent.name for path in paths])

    stored = adapted(labelled).adapter.weights.tensors()
    for name, tensor in classifier.adapter_.tensors().items():
        np.testing.assert_array_equal(tensor, stored[name])


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


def test_adapt__finetune_of_many_pictures__makes_no_estimate_of_another_adapter(
    adapted, blurred, monkeypatch
):
    monkeypatch.setattr(choose_n_steps, "_choose", always_step)
    monkeypatch.setattr(left_out_accuracy, "MAX_PICTURES_REFINED", 8)

    assert adapted(blurred, mode="finetune").estimate is None
    assert adapted(blurred).estimate.accuracy.n == 9


def test_adapt__one_picture_of_each_class__makes_no_estimate(adapted, labelled):
    assert adapted(labelled, selection=Selection(shots=1)).estimate is None


def test_adapt__folder__knows_its_pictures_by_hash_and_names_no_file(adapted, labelled, tmp_path):
    adapted(labelled).save(tmp_path / "adapter")

    hashes = {content_hash(path) for path in labelled.rglob("*.png")}
    assert set(load_adapter(tmp_path / "adapter").picture_hashes) == hashes
    for path in (tmp_path / "adapter").iterdir():
        assert b"0.png" not in path.read_bytes()
        assert str(labelled).encode() not in path.read_bytes()


def test_adapt__encoder_views_and_seed__are_recorded(adapted, labelled, encoder, loaded):
    origin = adapted(labelled, selection=Selection(views=3, seed=7)).adapter.config.origin

    assert (origin.encoder, origin.n_views, origin.seed) == (str(encoder), 3, 7)
    assert origin.fingerprint == loaded.fingerprint


def test_adapt__text_and_added_class__are_known_by_their_names(adapted, labelled):
    names = ClassNames(texts={"lynx": "a wild cat"}, added={"wolf": "grey wolf"})

    result = adapted(labelled, class_names=names)

    assert result.counts == {"heron": 3, "lynx": 3, "red_fox": 3, "wolf": 0}
    assert result.adapter.config.class_names == ["heron", "a wild cat", "red fox", "grey wolf"]


def test_adapt__text_of_no_class__is_refused_before_the_encoder_is_loaded(labelled, no_encoder):
    with pytest.raises(UsageError, match="there is no class 'lynks'; did you mean 'lynx'"):
        adapt(labelled, class_names=ClassNames(texts={"lynks": "a wild cat"}))


def test_adapt__without_names__learns_from_pictures_alone(adapted, labelled):
    stored = adapted(labelled, class_names=None).adapter

    assert stored.config.class_names is None
    assert not stored.support.text_TND.any()


def test_adapt__shots__are_drawn_by_seed_and_nested(adapted, labelled):
    def support(shots, seed=0):
        selection = Selection(shots=shots, seed=seed)
        return set(adapted(labelled, selection=selection).adapter.picture_hashes)

    one, two = support(1), support(2)
    draws = {frozenset(support(1, seed)) for seed in range(5)}

    assert (len(one), len(two)) == (3, 6)
    assert one < two
    assert len(draws) > 1


def test_adapt__feature_store__gives_the_same_adapter_without_loading_the_encoder(
    adapted, labelled, unlabelled, store_of, tmp_path, request
):
    expected = adapted(labelled, selection=Selection(views=2, seed=3))
    expected.save(tmp_path / "adapter")
    store, new = (store_of(source, views=2, seed=3) for source in (labelled, unlabelled))
    of_pictures, of_store = (
        [prediction.to_dict() for prediction in predict(tmp_path / "adapter", [source]).kept]
        for source in (unlabelled, new)
    )

    request.getfixturevalue("no_encoder")
    stored = adapt(store).adapter

    for name, tensor in expected.adapter.weights.tensors().items():
        np.testing.assert_array_equal(tensor, stored.weights.tensors()[name])
    for fact in ("origin", "logit_scale", "n_shots", "class_names"):
        assert getattr(stored.config, fact) == getattr(expected.adapter.config, fact)
    assert of_pictures == of_store


def test_adapt__feature_store_of_other_views_or_encoder_or_without_classes__is_refused(
    labelled, unlabelled, store_of, other_encoder
):
    store = store_of(labelled)

    with pytest.raises(UsageError, match=r"holds 1 view\(s\)"):
        adapt(store, selection=Selection(views=2))
    with pytest.raises(IncompatibleArtifact, match="cannot be compared"):
        adapt(store, encoder=str(other_encoder))
    with pytest.raises(DataError, match="at least two classes"):
        adapt(store_of(unlabelled))


def test_adapt__one_class_or_one_of_unreadable_pictures__is_refused(adapted, labelled, tmp_path):
    shutil.copytree(labelled / "lynx", tmp_path / "pictures" / "lynx")
    with pytest.raises(DataError, match="two classes"):
        adapted(tmp_path / "pictures")

    (tmp_path / "pictures" / "wolf").mkdir()
    (tmp_path / "pictures" / "wolf" / "grey.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"no picture of class 'wolf' can be read: .*grey\.jpg"):
        adapted(tmp_path / "pictures")


def test_adapt__pictures_that_are_likely_to_hurt__are_in_the_warnings(adapted, labelled, tmp_path):
    support = shutil.copytree(labelled, tmp_path / "pictures")
    for number in range(8):
        (support / "lynx" / f"more-{number}.png").write_bytes(
            (support / "lynx" / "0.png").read_bytes()
        )
    for number in (1, 2):
        (support / "heron" / f"{number}.png").unlink()
    (support / "red_fox").rename(support / "class 1")
    shutil.copy(support / "class 1" / "0.png", support / "heron" / "0.png")

    warnings = "\n".join(adapted(support).warnings)

    assert "'heron' has 1 picture(s), and 'lynx' has 11" in warnings
    assert "('class 1')" in warnings
    assert "--no-text" in warnings
    assert "the same picture is in 'class 1'" in warnings
