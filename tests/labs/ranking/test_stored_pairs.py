from __future__ import annotations

import json

import numpy as np
import pytest

from metaadapter import MetaAdapterClassifier
from metaadapter.adapter.files import load_adapter
from metaadapter.adapter.layout import is_caption_adapter
from metaadapter.errors import IncompatibleArtifact
from metaadapter.labs.ranking.pairs import PairsConfig, StoredPairs, load_pairs, store_pairs


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


@pytest.mark.parametrize("name", ["folder", "one.adapter"])
def test_store_pairs__read_again__are_the_same(stored, tmp_path, name):
    store_pairs(tmp_path / name, stored)

    result = load_pairs(tmp_path / name)

    assert result.config == stored.config
    assert result.picture_hashes == stored.picture_hashes
    np.testing.assert_array_equal(result.pictures, stored.pictures)
    np.testing.assert_array_equal(result.captions, stored.captions)
    assert is_caption_adapter(tmp_path / name)


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


@pytest.mark.parametrize("name", ["folder", "one.adapter"])
def test_load_adapter__of_pairs__names_the_command_that_takes_it(stored, tmp_path, name):
    store_pairs(tmp_path / name, stored)

    with pytest.raises(IncompatibleArtifact, match=r"their captions.*metaadapter rank"):
        load_adapter(tmp_path / name)


def test_store_pairs__config__has_a_schema_of_its_own(folder):
    facts = json.loads((folder / "adapter_config.json").read_text())

    assert facts["schema"] == "metaadapter.caption_adapter/1"
    assert facts["kind"] == "caption-adapter"
