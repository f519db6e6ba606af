from __future__ import annotations

import json
import shutil

import pytest

from metaadapter.adapter.files import load_adapter
from metaadapter.workflow import accuracy, run_adapt
from metaadapter.workflow.accuracy import Proportion
from metaadapter.workflow.estimator import MetaAdapterClassifier

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


@pytest.fixture
def out(tmp_path):
    return tmp_path / "my adapter"


@pytest.fixture
def adapt(run, encoder, out):
    """`metaadapter adapt SUPPORT …` into `out`."""

    def command(support, *more):
        return run("adapt", support, "--out", out, "--encoder", encoder, *more)

    return command


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


def test_adapt__mistakes__are_named_with_their_labels(adapt, blurred):
    document = adapt(blurred, "--json").document
    told = adapt(blurred).err

    assert document["mistakes"]
    assert "predicted wrongly when left out:" in told
    for it in document["mistakes"]:
        assert f"{it['path']}: {it['label']}, predicted {it['predicted']}" in told


def test_adapt__options__reach_the_adapter(adapt, out, labelled):
    done = adapt(
        labelled,
        *("--text", "lynx=a wild cat", "--add-class", "wolf=grey wolf", "--shots", "2"),
        *("--views", "3", "--seed", "7", "--generator", "closed-form"),
    )

    config = load_adapter(out).config
    assert done.code == 0
    assert config.class_names == ["heron", "a wild cat", "red fox", "grey wolf"]
    assert config.n_shots == [2, 2, 2, 0]
    assert (config.origin.n_views, config.origin.seed) == (3, 7)
    assert config.generator == "closed-form"


def test_adapt__no_text__learns_from_pictures_alone(adapt, out, labelled):
    assert adapt(labelled, "--no-text").code == 0

    assert load_adapter(out).config.class_names is None


def test_adapt__text_of_no_class__ends_with_2_and_names_the_nearest(adapt, labelled):
    result = adapt(labelled, "--text", "lynks=a wild cat")

    assert result.code == 2
    assert "--text: there is no class 'lynks'; did you mean 'lynx'?" in result.err


def test_adapt__text_without_a_name__ends_with_2_and_shows_how(adapt, labelled):
    result = adapt(labelled, "--text", "lynx")

    assert result.code == 2
    assert '--text fox="red fox"' in result.err


def test_adapt__added_class_that_takes_left_out_pictures_of_others__is_told(
    adapt, labelled, monkeypatch
):
    taken_by = [("lynx", "wolf"), ("heron", "wolf"), ("lynx", "heron")]
    mistakes = [
        accuracy.LeftOutMistake(f"{number}.png", label, predicted, 0.5)
        for number, (label, predicted) in enumerate(taken_by)
    ]
    found = accuracy.LeftOutEstimate(Proportion(6, 9), tuple(mistakes))
    monkeypatch.setattr(run_adapt, "estimate_accuracy", lambda *_: found)
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


def test_adapt__no_text_with_a_text__ends_with_2(adapt, labelled):
    assert adapt(labelled, "--no-text", "--text", "lynx=cat").code == 2


def test_adapt__missing_folder__ends_with_3_and_json(adapt, tmp_path):
    result = adapt(tmp_path / "nowhere", "--json")

    assert result.code == result.document["error"]["exit_code"] == 3
    assert result.document["error"]["kind"] == "data"


def test_adapt__folder_of_other_things__is_not_overwritten(adapt, labelled, out):
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")

    result = adapt(labelled)

    assert result.code == 3
    assert "holds other files" in result.err


def test_adapt__unknown_generator__ends_with_2(adapt, labelled):
    assert adapt(labelled, "--generator", "magic").code == 2


def test_adapt__same_picture_in_two_classes__is_pointed_out(adapt, labelled, tmp_path):
    support = shutil.copytree(labelled, tmp_path / "pictures")
    shutil.copy(support / "lynx" / "0.png", support / "heron" / "stray.png")

    assert "the same picture is in 'heron'" in adapt(support).err
