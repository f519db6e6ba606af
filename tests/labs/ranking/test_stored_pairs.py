from __future__ import annotations

import json

import numpy as np
import pytest

from metaadapter import MetaAdapterClassifier
from metaadapter.adapter.files import load_adapter
from metaadapter.adapter.layout import is_caption_adapter
from metaadapter.adapter.skill import check_skill
from metaadapter.data.checksums import check_files
from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.labs.ranking.stored_pairs import PairsConfig, StoredPairs, load_pairs, store_pairs


@pytest.fixture
def stored(domain):
    pairs = domain(n_pairs=3)
    config = PairsConfig(width=24, captions=["a cat", "a _dog_", "a\nbird"])
    return StoredPairs(config, pairs.pair_pictures, pairs.pair_captions, ("ab", "cd"))


def save_classifier(path):
    rng = np.random.default_rng(0)
    texts = {name: rng.standard_normal(24) for name in "ab"}
    MetaAdapterClassifier(texts).fit(np.stack([*texts.values()]), ["a", "b"]).save(path)


@pytest.fixture
def folder(stored, tmp_path):
    """The pairs in a folder."""
    store_pairs(tmp_path / "a", stored)
    return tmp_path / "a"


def change_a_byte(file, place):
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("name", ["folder", "one.adapter"])
def test_store_pairs__read_again__are_the_same(stored, tmp_path, name):
    store_pairs(tmp_path / name, stored)

    result = load_pairs(tmp_path / name)

    assert result.config == stored.config
    assert result.picture_hashes == stored.picture_hashes
    np.testing.assert_array_equal(result.pictures, stored.pictures)
    np.testing.assert_array_equal(result.captions, stored.captions)
    assert is_caption_adapter(tmp_path / name)


def test_store_pairs__skill_file_twice__is_the_same_to_the_byte(stored, tmp_path):
    for name in ("one.adapter", "two.adapter"):
        store_pairs(tmp_path / name, stored)

    assert (tmp_path / "one.adapter").read_bytes() == (tmp_path / "two.adapter").read_bytes()


@pytest.mark.parametrize("name", ["folder", "one.adapter"])
def test_store_pairs__over_an_adapter_of_classes_and_back__is_clean(stored, tmp_path, name):
    path = tmp_path / name
    save_classifier(path)
    store_pairs(path, stored)
    assert len(load_pairs(path).captions) == 3
    if path.is_dir():
        names = {file.name for file in path.iterdir()} - {".lock"}
        assert names == {"README.md", "adapter_config.json", "adapter_model.safetensors"}

    save_classifier(path)

    assert load_adapter(path).config.classes == ["a", "b"]
    assert not is_caption_adapter(path)


def test_store_pairs__own_words_on_the_card__stay(stored, folder):
    card = folder / "README.md"
    card.write_text(card.read_text() + "\nMy own words.\n")

    store_pairs(folder, stored)

    assert card.read_text().endswith("\nMy own words.\n")
    assert "- a \\_dog\\_\n" in card.read_text()
    assert "- a\\\\nbird\n" in card.read_text()  # no line of the card begins with a caption


@pytest.mark.parametrize("name", ["folder", "one.adapter"])
def test_load_adapter__of_pairs__names_the_command_that_takes_it(stored, tmp_path, name):
    store_pairs(tmp_path / name, stored)

    with pytest.raises(IncompatibleArtifact, match=r"their captions.*metaadapter rank"):
        load_adapter(tmp_path / name)


def test_check_files__of_pairs__are_as_written_until_a_byte_changes(stored, folder):
    skill = folder.with_suffix(".adapter")
    store_pairs(skill, stored)
    assert [fault for _, fault in check_files(folder)] == ["", ""]
    assert {fault for _, fault in check_skill(skill)} == {""}

    change_a_byte(folder / "adapter_model.safetensors", -1)
    change_a_byte(skill, skill.stat().st_size // 2)

    assert any("SHA-256" in (fault or "") for _, fault in check_files(folder))
    with pytest.raises(DataError, match="SHA-256"):
        load_pairs(folder)
    with pytest.raises(DataError, match="damaged"):
        load_pairs(skill)


def test_load_pairs__facts_of_another_version__say_which(folder, reseal):
    reseal(folder / "adapter_config.json", templates=None, origin=None, colour="red")

    with pytest.raises(IncompatibleArtifact, match="missing or wrong: colour"):
        load_pairs(folder)


def test_load_pairs__fewer_features_than_captions__is_told(folder, reseal):
    reseal(folder / "adapter_config.json", captions=["a cat"])

    with pytest.raises(DataError, match=r"pictures is .*\(3, 24\), not .*\(1, 24\)"):
        load_pairs(folder)


def test_load_pairs__infinite_feature__is_told(stored, tmp_path):
    stored.pictures[0, 0] = np.inf
    store_pairs(tmp_path / "a", stored)

    with pytest.raises(DataError, match="pictures holds features that are NaN or infinite"):
        load_pairs(tmp_path / "a")


def test_store_pairs__config__has_a_schema_of_its_own(folder):
    facts = json.loads((folder / "adapter_config.json").read_text())

    assert facts["schema"] == "metaadapter.caption_adapter/1"
    assert facts["kind"] == "caption-adapter"
