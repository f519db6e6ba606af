"""Adapters, skill files and generators on the hub, by a fake of its HTTP interface."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from metaadapter import (
    DataError,
    MetaAdapterClassifier,
    UsageError,
)
from metaadapter.adapter import load_adapter, store_adapter
from metaadapter.generator import (
    generator_id,
    load_generator,
    save_generator,
)
from tests.fake_hub import forget_downloads, hub_for_tests

NAME = "acme/birds"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with hub_for_tests(monkeypatch, tmp_path) as running:
        yield running


@pytest.fixture
def offline(monkeypatch):
    from huggingface_hub import constants

    def switch():
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        forget_downloads()

    return switch


@pytest.fixture
def hub_encoder(hub, encoder):
    """The small encoder as a model of the hub."""
    hub.put("acme/clip", {file.name: file.read_bytes() for file in Path(encoder).iterdir()})
    forget_downloads()
    yield "hf-hub:acme/clip"
    forget_downloads()


@pytest.fixture
def own(adapter, tmp_path):
    return shutil.copytree(adapter, tmp_path / "birds")


def upload(hub, folder, name=NAME, **facts):
    """Publish a folder as `hf upload` does, and return its commit."""
    files = {file.name: file.read_bytes() for file in folder.iterdir() if file.name[0] != "."}
    return hub.put(name, files, **facts)


def same(one, other):
    tensors = one.weights.tensors(), other.weights.tensors()
    assert tensors[0].keys() == tensors[1].keys()
    assert all(torch.equal(tensors[0][name], tensors[1][name]) for name in tensors[0])
    assert one.config.classes == other.config.classes
    assert one.picture_hashes == other.picture_hashes


def test_load__adapter_of_the_hub__is_that_of_the_folder(hub, own, same_support):
    upload(hub, own)

    stored, again = load_adapter(own), load_adapter(f"hf-hub:{NAME}")
    same(stored, again)
    assert same_support(stored.support, again.support)
    classifier = MetaAdapterClassifier.load(f"hf-hub:{NAME}")
    assert torch.equal(classifier.adapter_.classes, stored.weights.classes)


def test_without_features__folder__holds_no_feature_and_no_hash_of_a_picture(own, tmp_path):
    stored = load_adapter(own)
    assert stored.picture_hashes

    store_adapter(tmp_path / "shared", stored.without_features())

    shared = load_adapter(tmp_path / "shared")
    assert not (tmp_path / "shared" / "support.safetensors").exists()
    assert shared.support is None
    assert shared.picture_hashes == ()
    assert torch.equal(shared.weights.classes, stored.weights.classes)
    assert (tmp_path / "shared" / "README.md").read_text().count("| heron |") == 1


def test_load__generator_of_the_hub__is_that_of_the_folder(hub, tmp_path):
    generator = load_generator("default")
    save_generator(generator, tmp_path / "generator")
    commit = upload(hub, tmp_path / "generator", "acme/generator")

    again = load_generator("hf-hub:acme/generator")
    assert generator_id(again) == generator_id(generator)
    assert again.config == generator.config
    pinned = load_generator(f"hf-hub:acme/generator@{commit}")
    assert generator_id(pinned) == generator_id(generator)
    assert not again.training


def test_offline__cache__is_read_and_a_commit_needs_no_network(hub, own, offline):
    commit = upload(hub, own)
    load_adapter(f"hf-hub:{NAME}")

    offline()
    n_requests = len(hub.requests)

    same(load_adapter(own), load_adapter(f"hf-hub:{NAME}"))
    same(load_adapter(own), load_adapter(f"hf-hub:{NAME}@{commit}"))
    assert len(hub.requests) == n_requests
    with pytest.raises(DataError, match=r"the adapter hf-hub:acme/cats is not on this machine"):
        load_adapter("hf-hub:acme/cats")


def test_load__missing_private_or_gated__says_which_and_what_to_do(hub, own, monkeypatch):
    with pytest.raises(UsageError, match="the hub has no model hf-hub:acme/nothing, or keeps it"):
        load_adapter("hf-hub:acme/nothing")
    upload(hub, own, private=True)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UsageError, match=r"keeps it private: then run `hf auth login`"):
        load_adapter(f"hf-hub:{NAME}")
    hub.repositories[NAME].private = False
    hub.repositories[NAME].gated = True
    with pytest.raises(DataError, match=f"accept it at {hub.url}/{NAME}"):
        load_adapter(f"hf-hub:{NAME}")


def test_load__only_files_of_an_adapter_are_fetched(hub, own):
    upload(hub, own)
    extra = {"code.py": b"1/0", "pytorch_model.bin": b"x", "folder/adapter_config.json": b"{}"}
    hub.put(NAME, hub.repositories[NAME].files() | extra)
    hub.requests.clear()

    load_adapter(f"hf-hub:{NAME}")

    fetched = {path.rpartition("/")[2] for path in hub.asked("GET", "/resolve/")}
    assert fetched <= {
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "support.safetensors",
    }
    assert not hub.asked("GET", "folder/")


def test_predict__encoder_of_the_hub_that_an_adapter_names__is_fetched(
    hub, hub_encoder, own, labelled
):
    from metaadapter import predict

    expected = predict(own, [labelled]).predictions()
    stored = load_adapter(own)
    origin = stored.config.origin.model_copy(update={"encoder": hub_encoder})
    config = stored.config.model_copy(update={"origin": origin})
    store_adapter(own, type(stored)(stored.weights, config, stored.support))

    assert [one.label for one in predict(own, [labelled]).predictions()] == [
        one.label for one in expected
    ]
    assert hub.asked("GET", "/acme/clip/resolve/")
