from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from metaadapter.adapter.files import load_adapter
from metaadapter.data import atomic_files
from metaadapter.data.decode import content_hash
from metaadapter.data.proof import unsealed, write_document
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.workflow.estimator import MetaAdapterClassifier


def refuse_to_load(*_, **__):
    raise AssertionError("the encoder was loaded")


@pytest.fixture
def own(adapter, tmp_path):
    """An adapter of one's own, with a file and words of the user's."""
    folder = shutil.copytree(adapter, tmp_path / "my adapter")
    card = folder / "README.md"
    card.write_text(card.read_text() + "\nTaken at the lake.\n")
    (folder / "notes.txt").write_text("mine")
    return folder


@pytest.fixture
def wolves(unlabelled, tmp_path):
    """Pictures of another class."""
    folder = tmp_path / "wolves"
    folder.mkdir()
    for picture in unlabelled.glob("lynx-*"):
        shutil.copy(picture, folder)
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


def test_add__pictures__gives_the_adapter_that_python_gives(run, own, adapter, wolves, encoder):
    assert run("add", own, "grey_wolf", wolves).code == 0

    loaded = FrozenEncoder.load(str(encoder))
    expected = MetaAdapterClassifier.load(adapter, encoder=loaded)
    expected.add_class(
        "grey_wolf", loaded.encode_images(sorted(wolves.iterdir())), text="grey_wolf"
    )
    stored = load_adapter(own)
    assert stored.config.classes == ["grey_wolf", "heron", "lynx", "red_fox"]
    assert stored.config.n_shots == [2, 3, 3, 3]
    assert stored.config.class_names[0] == "grey wolf"
    np.testing.assert_allclose(stored.weights.classes, expected.adapter_.classes, atol=5e-3)


def test_add__other_classes__stay_as_they_are(run, own, adapter, wolves):
    run("add", own, "grey_wolf", wolves)

    before, after = load_adapter(adapter).weights, load_adapter(own).weights
    np.testing.assert_array_equal(after.classes[1:], before.classes)
    np.testing.assert_array_equal(after.class_bias[1:], before.class_bias)


def test_add__pictures__are_known_again_by_predict(run, own, wolves, unlabelled):
    run("add", own, "grey_wolf", wolves)

    result = run("predict", own, *sorted(wolves.iterdir()), unlabelled / "heron-0.png", "--json")

    assert "predicted from 2 of these very pictures" in result.err
    assert [it["in_support"] for it in result.document["predictions"]] == [True, True, False]


def test_add__single_file_and_name__are_taken(run, own, wolves):
    picture = min(wolves.iterdir())

    document = run("add", own, "wolf", picture, "--text", "a grey wolf", "--json").document

    assert document["n_pictures"] == 1
    assert document["name"] == "a grey wolf"
    assert document["counts"] == {"heron": 3, "lynx": 3, "red_fox": 3, "wolf": 1}
    assert content_hash(picture) in load_adapter(own).picture_hashes


def test_add__name_alone__is_enough(run, own):
    assert run("add", own, "wolf", "--text", "grey wolf").code == 0

    assert load_adapter(own).config.n_shots == [3, 3, 3, 0]


def test_add__adapter_without_names__learns_from_pictures_without_the_label(
    run, labelled, wolves, encoder, tmp_path
):
    folder = tmp_path / "nameless"
    run("adapt", labelled, "--out", folder, "--encoder", encoder, "--no-text")

    document = run("add", folder, "wolf", wolves, "--json").document

    assert document["name"] is None
    assert not load_adapter(folder).support.text_TND.any()


def test_add__own_words_and_files__are_kept(run, own, wolves):
    run("add", own, "wolf", wolves)

    assert "Taken at the lake." in (own / "README.md").read_text()
    assert (own / "notes.txt").read_text() == "mine"
    assert {path.name for path in own.parent.iterdir()} == {own.name, wolves.name}


def test_add__out__leaves_the_adapter_as_it_was(run, own, wolves, tmp_path):
    before = contents(own)

    assert run("add", own, "wolf", wolves, "--out", tmp_path / "wider").code == 0

    assert contents(own) == before
    assert len(load_adapter(tmp_path / "wider").config.classes) == 4


def test_add__saving_that_fails_half_way__leaves_the_adapter_as_it_was(
    run, own, wolves, monkeypatch
):
    before, saved = contents(own), []

    def save_one_file(_file, content):
        if saved:
            raise OSError(28, "No space left on device")
        saved.append(content)

    monkeypatch.setattr(atomic_files, "_fill", save_one_file)

    result = run("add", own, "wolf", wolves)

    assert result.code == 3
    assert "No space left on device" in result.err
    assert saved
    assert contents(own) == before
    assert {path.name for path in own.parent.iterdir()} == {own.name, wolves.name}


def test_add__label_that_is_there__ends_with_2_before_pictures_are_encoded(
    run, own, wolves, monkeypatch
):
    monkeypatch.setattr(FrozenEncoder, "load", refuse_to_load)

    result = run("add", own, "lynx", wolves)

    assert result.code == 2
    assert "class 'lynx' exists already" in result.err


def test_add__neither_pictures_nor_a_name__ends_with_2(run, own):
    result = run("add", own, "wolf")

    assert result.code == 2
    assert "'wolf' needs pictures, --text NAME, or both" in result.err


def test_add__adapter_without_its_support__ends_with_2(run, own, wolves):
    classifier = MetaAdapterClassifier.load(own)
    classifier.stored_ = replace(classifier.stored_, support=None)
    classifier.save(own)

    result = run("add", own, "wolf", wolves)

    assert result.code == 2
    assert "saved without its support features" in result.err


def test_add__unreadable_pictures_only__ends_with_3(run, own, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    before = contents(own)

    result = run("add", own, "wolf", tmp_path / "broken.jpg")

    assert result.code == 3
    assert "broken.jpg" in result.err
    assert contents(own) == before


def test_add__picture_of_another_class__is_pointed_out(run, own, labelled):
    result = run("add", own, "wolf", labelled / "lynx" / "0.png")

    assert result.code == 0
    assert "predicted from 1 of these very pictures already" in result.err


def test_add__other_encoder__ends_with_4(run, own, wolves, other_encoder):
    assert run("add", own, "wolf", wolves, "--encoder", other_encoder).code == 4


@pytest.mark.parametrize("folder", ["", "me@here"])
@pytest.mark.parametrize("weights", ["", "@weights", "@c:/weights"])
def test_add__generator_of_code__runs_only_if_it_is_named(
    run, own, wolves, tmp_path, folder, weights
):
    (tmp_path / folder).mkdir(exist_ok=True)
    code, config = tmp_path / folder / "mine.py", own / "adapter_config.json"
    code.write_text(f"open({str(tmp_path / 'was run')!r}, 'w')")
    facts, files = unsealed(json.loads(config.read_bytes()))
    write_document(config, facts | {"generator": f"{code}:Mine{weights}"}, files=files)

    unnamed = run("add", own, "wolf", wolves)
    named = run("add", own, "wolf", wolves, "--generator", "default")

    assert unnamed.code == 2
    assert "--generator" in unnamed.err
    assert not (tmp_path / "was run").exists()
    assert named.code == 0


def test_add__json__is_one_document_and_quiet_says_nothing_more(run, own, wolves):
    result = run("add", own, "wolf", wolves, "--json", "--quiet")

    assert result.document["schema"] == "metaadapter.add/1"
    assert result.err == ""
