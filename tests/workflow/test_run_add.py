from __future__ import annotations

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from metaadapter.adapter.files import load_adapter, store_adapter
from metaadapter.data.decode import content_hash
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.run_add import add


@pytest.fixture
def own(adapter, tmp_path):
    """A copy of the adapter, with a file and words of the user's."""
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


def test_add__pictures__gives_the_adapter_that_the_estimator_gives_and_keeps_the_rest(
    own, adapter, wolves, loaded
):
    add(own, "grey_wolf", [wolves])

    expected = MetaAdapterClassifier.load(adapter, encoder=loaded)
    rows = loaded.encode_images(sorted(wolves.iterdir()))
    expected.add_class("grey_wolf", rows, text="grey_wolf")
    stored = load_adapter(own)
    assert stored.config.classes == ["grey_wolf", "heron", "lynx", "red_fox"]
    assert stored.config.n_shots == [2, 3, 3, 3]
    assert stored.config.class_names[0] == "grey wolf"
    np.testing.assert_allclose(stored.weights.classes, expected.adapter_.classes, atol=5e-3)
    before, after = load_adapter(adapter).weights, stored.weights
    np.testing.assert_array_equal(after.classes[1:], before.classes)
    np.testing.assert_array_equal(after.class_bias[1:], before.class_bias)
    assert "Taken at the lake." in (own / "README.md").read_text()
    assert (own / "notes.txt").read_text() == "mine"
    assert {path.name for path in own.parent.iterdir()} == {own.name, wolves.name}


def test_add__single_file_and_name__are_read(own, wolves):
    picture = min(wolves.iterdir())

    added = add(own, "wolf", [picture], name="a grey wolf")

    assert len(added.pictures) == 1
    assert added.name == "a grey wolf"
    assert added.counts == {"heron": 3, "lynx": 3, "red_fox": 3, "wolf": 1}
    assert content_hash(picture) in load_adapter(own).picture_hashes


def test_add__adapter_without_names__learns_from_pictures_without_the_label(
    adapted, labelled, wolves, tmp_path
):
    folder = tmp_path / "nameless"
    adapted(labelled, class_names=None).save(folder)

    assert add(folder, "wolf", [wolves]).name is None
    assert not load_adapter(folder).support.text_TND.any()


def test_add__out__leaves_the_adapter_as_it_was(own, wolves, tmp_path):
    before = contents(own)

    add(own, "wolf", [wolves], out=tmp_path / "wider")

    assert contents(own) == before
    assert len(load_adapter(tmp_path / "wider").config.classes) == 4


def test_add__saving_that_fails_half_way__leaves_the_adapter_as_it_was(own, wolves, monkeypatch):
    before, saved, sync = contents(own), [], os.fsync

    def save_one_file(handle):
        if saved:
            raise OSError(28, "No space left on device")
        saved.append(handle)
        sync(handle)

    monkeypatch.setattr(os, "fsync", save_one_file)

    with pytest.raises(DataError, match="No space left on device"):
        add(own, "wolf", [wolves])

    assert saved
    assert contents(own) == before
    assert {path.name for path in own.parent.iterdir()} == {own.name, wolves.name}


def test_add__neither_pictures_nor_a_name__is_refused(own):
    with pytest.raises(UsageError, match=r"'wolf' needs pictures, a name \(--text\), or both"):
        add(own, "wolf")


def test_add__adapter_without_its_support__is_refused(own, wolves):
    store_adapter(own, replace(load_adapter(own), support=None))

    with pytest.raises(UsageError, match="saved without its support features"):
        add(own, "wolf", [wolves])


def test_add__other_encoder__is_refused(own, wolves, other_encoder):
    with pytest.raises(IncompatibleArtifact):
        add(own, "wolf", [wolves], encoder=str(other_encoder))


@pytest.mark.parametrize("folder", ["", "me@here"])
@pytest.mark.parametrize("weights", ["", "@weights", "@c:/weights"])
def test_add__generator_of_code__runs_only_if_it_is_named(
    own, wolves, tmp_path, reseal, folder, weights
):
    (tmp_path / folder).mkdir(exist_ok=True)
    code = tmp_path / folder / "mine.py"
    code.write_text(f"open({str(tmp_path / 'was run')!r}, 'w')")
    reseal(own / "adapter_config.json", generator=f"{code}:Mine{weights}")

    with pytest.raises(UsageError, match="--generator"):
        add(own, "wolf", [wolves])

    add(own, "wolf", [wolves], generator="default")
    assert not (tmp_path / "was run").exists()
