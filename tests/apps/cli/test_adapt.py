from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

from metaadapter.adapter.files import load_adapter
from metaadapter.data.decode import content_hash
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.workflow import adapting, fine_tuning, left_out
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.gradient_steps import FineTune
from metaadapter.workflow.scores import Proportion

KEYS = {
    "schema",
    "adapter",
    "counts",
    "n_pictures",
    "mode",
    "n_steps",
    "generator",
    "generator_id",
    "encoder",
    "fingerprint",
    "zoom",
    "blocks",
    "n_views",
    "seed",
    "descriptions",
    "unlabelled",
    "inside",
    "prompt",
    "leave_one_out",
    "mistakes",
    "warnings",
    "quarantined",
}


def refuse_to_load(*_, **__):
    raise AssertionError("the encoder was loaded")


def always_step(losses_STX, _asked_TX):
    """The first number of steps, whatever left-out pictures say."""
    return torch.ones(losses_STX.shape[1], dtype=torch.long)


@pytest.fixture
def blurred(labelled, tmp_path):
    """The labelled pictures, one of each class under the label of the next."""
    folder = tmp_path / "blurred"
    labels = sorted(path.name for path in labelled.iterdir())
    for label, other in zip(labels, [*labels[1:], labels[0]], strict=True):
        for number in range(3):
            source = labelled / (other if number == 0 else label) / f"{number}.png"
            (folder / label).mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / label)
    return folder


@pytest.fixture
def out(tmp_path):
    return tmp_path / "my adapter"


@pytest.fixture
def adapt(run, encoder, out):
    """`metaadapter adapt SUPPORT …` into `out`."""

    def command(support, *more):
        return run("adapt", support, "--out", out, "--encoder", encoder, *more)

    return command


def test_adapt__class_folders__gives_the_adapter_that_python_gives(
    adapt, out, labelled, encoder, tmp_path
):
    assert adapt(labelled).code == 0

    paths = sorted(labelled.glob("*/*"))
    loaded = FrozenEncoder.load(str(encoder))
    y = [path.parent.name for path in paths]
    expected = MetaAdapterClassifier({label: label for label in y}, encoder=loaded).fit(
        loaded.encode_images(paths), y
    )
    expected.save(tmp_path / "by hand")
    stored, by_hand = load_adapter(out), load_adapter(tmp_path / "by hand")
    np.testing.assert_allclose(stored.support.text_TND, by_hand.support.text_TND, atol=1e-6)
    np.testing.assert_allclose(stored.weights.classes, expected.adapter_.classes, atol=5e-3)
    assert stored.config.class_names == by_hand.config.class_names == ["heron", "lynx", "red fox"]


def test_adapt__result__tells_classes_an_estimate_with_its_n_and_the_next_command(
    adapt, out, labelled
):
    result = adapt(labelled)

    assert f"{out}: an adapter for 3 classes, from 9 pictures" in result.out
    assert "heron 3, lynx 3, red_fox 3" in result.err
    assert "of 9" in result.err
    assert "95 % interval" in result.err
    assert f"metaadapter predict '{out}'" in result.err


def test_adapt__json__is_one_document_with_the_promised_keys(adapt, labelled):
    document = adapt(labelled, "--json").document

    assert document["schema"] == "metaadapter.adapt/1"
    assert set(document) == KEYS
    assert document["counts"] == {"heron": 3, "lynx": 3, "red_fox": 3}
    assert document["leave_one_out"]["n"] == 9


def test_adapt__finetune__says_how_many_steps_and_loads_again(adapt, out, labelled):
    result = adapt(labelled, "--mode", "finetune", "--json")

    document = json.loads(result.out)
    stored = load_adapter(out)
    assert document["mode"] == stored.config.mode == "finetune"
    assert document["n_steps"] == stored.config.n_steps == MetaAdapterClassifier.load(out).n_steps_


def refit(out, picture, labelled, loaded):
    """What the saved adapter's recipe predicts for a picture when it is left out."""
    stored = load_adapter(out)
    paths = [path for path in sorted(labelled.glob("*/*")) if path != picture]
    y = [path.parent.name for path in paths]
    classifier = MetaAdapterClassifier(
        dict(zip(stored.config.classes, stored.config.class_names, strict=True)),
        encoder=loaded,
        mode="finetune",
        fine_tuning=FineTune(n_steps=stored.config.n_steps),
    ).fit(loaded.encode_images(paths), y)
    rows = classifier.predict_proba(loaded.encode_images([picture]))[0]
    return str(classifier.classes_[rows.argmax()]), float(rows.max())


def test_adapt__finetune__estimate_and_mistakes_are_those_of_refined_adapters(
    adapt, out, blurred, encoder, monkeypatch
):
    monkeypatch.setattr(fine_tuning, "CHECKED", (30,))
    monkeypatch.setattr(fine_tuning, "_choose", always_step)

    document = adapt(blurred, "--mode", "finetune", "--json").document

    loaded = FrozenEncoder.load(str(encoder))
    assert document["n_steps"] == 30
    expected = []
    for picture in sorted(blurred.glob("*/*")):
        label, probability = refit(out, picture, blurred, loaded)
        if label != picture.parent.name:
            expected.append((str(picture), picture.parent.name, label, probability))
    found = [tuple(it.values()) for it in document["mistakes"]]
    assert 0 < len(found) < 9
    assert [it[:3] for it in found] == [it[:3] for it in expected]
    assert [it[3] for it in found] == pytest.approx([it[3] for it in expected], abs=2e-2)
    counts = document["leave_one_out"]
    assert counts["n"] - counts["n_right"] == len(found)


def test_adapt__finetune_of_many_pictures__tells_no_estimate_of_another_adapter(
    adapt, blurred, monkeypatch
):
    monkeypatch.setattr(fine_tuning, "_choose", always_step)
    monkeypatch.setattr(left_out, "MAX_PICTURES_REFINED", 8)

    assert adapt(blurred, "--mode", "finetune", "--json").document["leave_one_out"] is None
    assert adapt(blurred, "--json").document["leave_one_out"]["n"] == 9


def test_adapt__mistakes__are_named_with_their_labels(adapt, blurred):
    document = adapt(blurred, "--json").document
    told = adapt(blurred).err

    assert document["mistakes"]
    assert "predicted wrongly when left out:" in told
    for it in document["mistakes"]:
        assert f"{it['path']}: {it['label']}, predicted {it['predicted']}" in told


def test_adapt__folder__knows_its_pictures_by_hash_and_names_no_file(adapt, out, labelled):
    adapt(labelled)

    hashes = {content_hash(path) for path in labelled.rglob("*.png")}
    assert set(load_adapter(out).picture_hashes) == hashes
    for path in out.iterdir():
        assert b"0.png" not in path.read_bytes()
        assert str(labelled).encode() not in path.read_bytes()


def test_adapt__encoder_views_and_seed__are_recorded(adapt, out, labelled, encoder):
    adapt(labelled, "--views", "3", "--seed", "7")

    origin = load_adapter(out).config.origin
    assert (origin.encoder, origin.n_views, origin.seed) == (str(encoder), 3, 7)
    assert origin.fingerprint == FrozenEncoder.load(str(encoder)).fingerprint


def test_adapt__text__replaces_the_name_of_a_class(adapt, out, labelled):
    assert adapt(labelled, "--text", "lynx=a wild cat").code == 0

    assert load_adapter(out).config.class_names == ["heron", "a wild cat", "red fox"]


def test_adapt__text_of_no_class__ends_with_2_and_names_the_nearest(adapt, labelled):
    result = adapt(labelled, "--text", "lynks=a wild cat")

    assert result.code == 2
    assert "--text: there is no class 'lynks'; did you mean 'lynx'?" in result.err


def test_adapt__text_of_no_class__is_told_before_the_encoder_is_loaded(
    run, labelled, out, monkeypatch
):
    monkeypatch.setattr(FrozenEncoder, "load", refuse_to_load)

    assert run("adapt", labelled, "--out", out, "--text", "lynks=a wild cat").code == 2


def test_adapt__text_without_a_name__ends_with_2_and_shows_how(adapt, labelled):
    result = adapt(labelled, "--text", "lynx")

    assert result.code == 2
    assert '--text fox="red fox"' in result.err


def test_adapt__added_class__is_known_by_its_name_alone(adapt, out, labelled):
    document = adapt(labelled, "--add-class", "wolf=grey wolf", "--json").document

    assert document["counts"] == {"heron": 3, "lynx": 3, "red_fox": 3, "wolf": 0}
    assert load_adapter(out).config.class_names[-1] == "grey wolf"


def test_adapt__added_class_that_takes_left_out_pictures_of_others__is_told(
    adapt, labelled, monkeypatch
):
    taken_by = [("lynx", "wolf"), ("heron", "wolf"), ("lynx", "heron")]
    mistakes = [
        left_out.LeftOutMistake(f"{number}.png", label, predicted, 0.5)
        for number, (label, predicted) in enumerate(taken_by)
    ]
    found = left_out.LeftOutEstimate(Proportion(6, 9), tuple(mistakes))
    monkeypatch.setattr(adapting, "estimate_accuracy", lambda *_: found)
    asked = labelled, "--add-class", "otter", "--add-class", "wolf=grey wolf"

    told = adapt(*asked).err
    warnings = adapt(*asked, "--json").document["warnings"]

    sentence = "2 of the 9 left-out pictures, all of other classes, are predicted as wolf"
    assert told.count(f"warning: {sentence}, which has a name alone: give it a few pictures") == 1
    assert [each for each in warnings if each.startswith(sentence)]
    assert "as otter" not in told
    assert not [each for each in warnings if "as otter" in each or "as heron" in each]


def test_adapt__added_class_that_has_pictures__ends_with_2(adapt, labelled):
    result = adapt(labelled, "--add-class", "lynx")

    assert result.code == 2
    assert "--text lynx=NAME" in result.err


def test_adapt__no_text__learns_from_pictures_alone(adapt, out, labelled):
    adapt(labelled, "--no-text")

    stored = load_adapter(out)
    assert stored.config.class_names is None
    assert not stored.support.text_TND.any()


def test_adapt__no_text_with_a_text__ends_with_2(adapt, labelled):
    assert adapt(labelled, "--no-text", "--text", "lynx=cat").code == 2


def test_adapt__shots__are_drawn_by_seed_and_nested(adapt, out, labelled):
    def support(*arguments):
        assert adapt(labelled, *arguments).code == 0
        return set(load_adapter(out).picture_hashes)

    one, two = support("--shots", "1"), support("--shots", "2")
    draws = {frozenset(support("--shots", "1", "--seed", seed)) for seed in range(5)}

    assert (len(one), len(two)) == (3, 6)
    assert one < two
    assert len(draws) > 1


def test_adapt__one_picture_of_each_class__makes_no_estimate(adapt, labelled):
    assert adapt(labelled, "--shots", "1", "--json").document["leave_one_out"] is None


def test_adapt__feature_store__gives_the_same_adapter_without_loading_the_encoder(
    run, adapt, out, labelled, encoder, tmp_path, monkeypatch
):
    adapt(labelled, "--views", "2", "--seed", "3")
    expected = load_adapter(out)
    store, views = tmp_path / "store", ("--views", "2", "--seed", "3")
    run("encode", labelled, "--out", store, "--encoder", encoder, *views)
    monkeypatch.setattr(FrozenEncoder, "load", refuse_to_load)

    result = run("adapt", store, "--out", tmp_path / "again")

    assert result.code == 0
    stored = load_adapter(tmp_path / "again")
    np.testing.assert_allclose(stored.weights.classes, expected.weights.classes, atol=1e-6)
    for fact in ("origin", "logit_scale", "n_shots", "class_names"):
        assert getattr(stored.config, fact) == getattr(expected.config, fact)


def test_adapt__feature_store_with_other_views__ends_with_2(run, labelled, encoder, tmp_path):
    run("encode", labelled, "--out", tmp_path / "store", "--encoder", encoder)

    result = run("adapt", tmp_path / "store", "--out", tmp_path / "adapter", "--views", "2")

    assert result.code == 2
    assert "holds 1 view(s)" in result.err


def test_adapt__feature_store_of_another_encoder__ends_with_4(
    run, labelled, encoder, other_encoder, tmp_path
):
    run("encode", labelled, "--out", tmp_path / "store", "--encoder", encoder)

    result = run("adapt", tmp_path / "store", "--out", tmp_path / "a", "--encoder", other_encoder)

    assert result.code == 4
    assert "cannot be compared" in result.err


def test_adapt__feature_store_without_classes__ends_with_3(run, unlabelled, encoder, tmp_path):
    run("encode", unlabelled, "--out", tmp_path / "store", "--encoder", encoder)

    result = run("adapt", tmp_path / "store", "--out", tmp_path / "adapter")

    assert result.code == 3
    assert "at least two classes" in result.err


def test_adapt__missing_folder__ends_with_3_and_json(adapt, tmp_path):
    result = adapt(tmp_path / "nowhere", "--json")

    assert result.code == result.document["error"]["exit_code"] == 3
    assert result.document["error"]["kind"] == "data"


def test_adapt__one_class__ends_with_3(adapt, labelled, tmp_path):
    shutil.copytree(labelled / "lynx", tmp_path / "pictures" / "lynx")

    result = adapt(tmp_path / "pictures")

    assert result.code == 3
    assert "two classes" in result.err


def test_adapt__class_of_unreadable_pictures__ends_with_3_and_names_it(adapt, labelled, tmp_path):
    support = shutil.copytree(labelled, tmp_path / "pictures")
    (support / "wolf").mkdir()
    (support / "wolf" / "grey.jpg").write_bytes(b"no picture")

    result = adapt(support)

    assert result.code == 3
    assert "no picture of class 'wolf' can be read" in result.err
    assert "grey.jpg" in result.err


def test_adapt__folder_of_other_things__is_not_overwritten(adapt, labelled, out):
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")

    result = adapt(labelled)

    assert result.code == 3
    assert "holds other files" in result.err


def test_adapt__unknown_generator__ends_with_2(adapt, labelled):
    assert adapt(labelled, "--generator", "magic").code == 2


def test_adapt__few_pictures_beside_many__is_pointed_out(adapt, labelled, tmp_path):
    support = shutil.copytree(labelled, tmp_path / "pictures")
    for number in range(8):
        (support / "lynx" / f"more-{number}.png").write_bytes(
            (support / "lynx" / "0.png").read_bytes()
        )
    for number in (1, 2):
        (support / "heron" / f"{number}.png").unlink()

    result = adapt(support)

    assert result.code == 0
    assert "'heron' has 1 picture(s), and 'lynx' has 11" in result.err


def test_adapt__names_that_say_nothing__are_pointed_out(adapt, labelled, tmp_path):
    support = shutil.copytree(labelled, tmp_path / "pictures")
    (support / "lynx").rename(support / "class 1")

    result = adapt(support)

    assert result.code == 0
    assert "('class 1')" in result.err
    assert "--no-text" in result.err


def test_adapt__same_picture_in_two_classes__is_pointed_out(adapt, labelled, tmp_path):
    support = shutil.copytree(labelled, tmp_path / "pictures")
    shutil.copy(support / "lynx" / "0.png", support / "heron" / "stray.png")

    assert "the same picture is in 'heron'" in adapt(support).err


def test_adapt__folder_and_its_store__give_the_same_adapter_to_the_last_bit(
    run, labelled, unlabelled, encoder, tmp_path
):
    from metaadapter.adapter.files import load_adapter

    options = ("--encoder", encoder, "--views", "2", "--seed", "3")
    run("adapt", labelled, "--out", tmp_path / "of folder", *options)
    run("encode", labelled, "--out", tmp_path / "store", *options)
    run("adapt", tmp_path / "store", "--out", tmp_path / "of store")
    run("encode", unlabelled, "--out", tmp_path / "new", *options)

    one, other = (load_adapter(tmp_path / name) for name in ("of folder", "of store"))
    for name, tensor in one.weights.tensors().items():
        np.testing.assert_array_equal(tensor, other.weights.tensors()[name])
    answers = [
        run("predict", tmp_path / "of folder", source, "--json").document["predictions"]
        for source in (unlabelled, tmp_path / "new")
    ]
    assert answers[0] == answers[1]


def test_adapt__python_from_open_pictures__gives_the_same_adapter_to_the_last_bit(
    run, labelled, encoder, tmp_path
):
    from PIL import Image

    from metaadapter.adapter.files import load_adapter

    run("adapt", labelled, "--out", tmp_path / "adapter", "--encoder", encoder)
    loaded = FrozenEncoder.load(str(encoder))
    paths = sorted(labelled.rglob("*.png"))
    names = {"heron": "heron", "lynx": "lynx", "red_fox": "red fox"}

    X = loaded.encode_images([Image.open(path) for path in paths])
    classifier = MetaAdapterClassifier(names, encoder=loaded)
    classifier.fit(X, [path.parent.name for path in paths])

    stored = load_adapter(tmp_path / "adapter").weights.tensors()
    for name, tensor in classifier.adapter_.tensors().items():
        np.testing.assert_array_equal(tensor, stored[name])
