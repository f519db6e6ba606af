"""Adapters, skill files and generators on the hub, by a fake of its HTTP interface."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from metaadapter import (
    DataError,
    MetaAdapterClassifier,
    UsageError,
    adapt,
    add,
    push,
)
from metaadapter.adapter import load_adapter, store_adapter
from metaadapter.data.hub import forget_downloads
from metaadapter.generator import Generator, GeneratorConfig, generator_id, load_generator
from tests.fake_hub import READER, hub_for_tests, variables

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


def same(one, other):
    tensors = one.weights.tensors(), other.weights.tensors()
    assert tensors[0].keys() == tensors[1].keys()
    assert all(torch.equal(tensors[0][name], tensors[1][name]) for name in tensors[0])
    assert one.config.classes == other.config.classes
    assert one.picture_hashes == other.picture_hashes


def test_push__adapter__comes_back_with_the_same_tensors_and_hashes(hub, own, same_support):
    pushed = push(own, NAME)

    stored, again = load_adapter(own), load_adapter(f"hf-hub:{NAME}")
    same(stored, again)
    assert same_support(stored.support, again.support)
    assert hub.repositories[NAME].refs["main"] == pushed.name.revision
    assert not hub.repositories[NAME].private
    classifier = MetaAdapterClassifier.from_pretrained(NAME)
    assert torch.equal(classifier.adapter_.classes, stored.weights.classes)


def test_push__nothing_of_it_holds_a_path_of_this_machine_or_a_picture(hub, own, labelled, encoder):
    before = load_adapter(own)
    assert str(encoder) in before.config.model_dump_json()

    push(own, NAME)

    files = hub.repositories[NAME].files()
    assert files.keys() - {".gitattributes"} == {
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "support.safetensors",
    }
    here = {str(path).encode() for path in (encoder, own, labelled, Path.home(), Path.cwd())}
    pictures = {path.name.encode() for path in labelled.rglob("*.*")}
    for content in files.values():
        assert not [text for text in here | pictures if text in content]
    again = load_adapter(f"hf-hub:{NAME}")
    assert again.config.origin.encoder is None
    assert again.config.origin.fingerprint.digest == before.config.origin.fingerprint.digest
    store_adapter(own.with_suffix(".adapter"), before)
    push(own.with_suffix(".adapter"), "acme/skill")
    skill = hub.repositories["acme/skill"].files()["birds.adapter"]
    assert not [text for text in here | pictures if text in skill]


def test_push__generator__comes_back_and_predicts_the_same(hub, tmp_path):
    generator = load_generator("default")

    pushed = generator.push_to_hub("acme/generator", license="apache-2.0")

    again = Generator.from_pretrained("acme/generator")
    assert generator_id(again) == generator_id(generator)
    assert again.config == generator.config
    assert generator_id(load_generator(str(pushed.name))) == generator_id(generator)
    assert not again.training
    assert b"license: apache-2.0" in hub.repositories["acme/generator"].files()["README.md"]


def test_add__generator_that_only_an_adapter_names__is_told_before_it_is_fetched(
    hub, labelled, encoder, tmp_path, monkeypatch
):
    from huggingface_hub import constants

    small = Generator(GeneratorConfig(width=8, n_layers=1, n_heads=2))
    small.push_to_hub("acme/generator")
    adapted = adapt(labelled, encoder=str(encoder), generator="hf-hub:acme/generator")
    adapted.save(tmp_path / "own")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "another machine"))
    forget_downloads()
    name = adapted.adapter.config.generator
    message = (
        f"the adapter names the generator {name}, .*: it is fetched from "
        f"{hub.url}/acme/generator into "
    )
    pictures = sorted(labelled.rglob("*.png"))

    with pytest.warns(UserWarning, match=message):
        add(tmp_path / "own", "zebra", pictures[:1])
    forget_downloads()
    add(tmp_path / "own", "okapi", pictures[-1:])  # warnings are errors


def add_class(path):
    classifier = MetaAdapterClassifier.load(path)
    X = classifier.support_.labelled_rows()[0].numpy()[:2]
    classifier.add_class("zebra", X)
    classifier.save(path)


def test_offline__cache__is_read_and_a_commit_needs_no_network(hub, own, offline):
    commit = push(own, NAME).name.revision
    load_adapter(f"hf-hub:{NAME}")

    offline()
    n_requests = len(hub.requests)

    same(load_adapter(own), load_adapter(f"hf-hub:{NAME}"))
    same(load_adapter(own), load_adapter(f"hf-hub:{NAME}@{commit}"))
    assert len(hub.requests) == n_requests
    with pytest.raises(DataError, match=r"the adapter hf-hub:acme/cats is not on this machine"):
        load_adapter("hf-hub:acme/cats")
    with pytest.raises(DataError, match="cannot be written while HF_HUB_OFFLINE=1"):
        push(own, NAME)


def test_push__without_a_token__says_how_to_log_in(hub, own, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UsageError, match=r"does not let you write .*hf auth login"):
        push(own, NAME)

    hub.put(NAME, {})
    monkeypatch.setenv("HF_TOKEN", READER)
    with pytest.raises(UsageError, match=r"does not let you write .*hf auth login"):
        push(own, NAME)
    assert hub.repositories[NAME].files() == {}


def test_load__missing_private_or_gated__says_which_and_what_to_do(hub, own, monkeypatch):
    with pytest.raises(UsageError, match="the hub has no model hf-hub:acme/nothing, or keeps it"):
        load_adapter("hf-hub:acme/nothing")
    push(own, NAME, private=True)
    assert hub.repositories[NAME].private
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UsageError, match=r"keeps it private: then run `hf auth login`"):
        load_adapter(f"hf-hub:{NAME}")
    hub.repositories[NAME].private = False
    hub.repositories[NAME].gated = True
    with pytest.raises(DataError, match=f"accept it at {hub.url}/{NAME}"):
        load_adapter(f"hf-hub:{NAME}")


def test_load__only_files_of_an_adapter_are_fetched(hub, own):
    push(own, NAME)
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


def test_predict__encoder_that_only_an_adapter_names__is_told_before_it_is_fetched(
    hub, hub_encoder, own, labelled
):
    from metaadapter import predict

    stored = load_adapter(own)
    origin = stored.config.origin.model_copy(update={"encoder": hub_encoder})
    config = stored.config.model_copy(update={"origin": origin})
    store_adapter(own, type(stored)(stored.weights, config, stored.support))
    message = rf"birds names the encoder {hub_encoder}, .* fetched from {hub.url}/acme/clip into"

    with pytest.warns(UserWarning, match=message):
        predict(own, [labelled])
    forget_downloads()
    predict(own, [labelled])  # the encoder is here now: warnings are errors


@pytest.mark.slow
@pytest.mark.parametrize("request_", ["/preupload/", "/objects/batch", "/large/", "/commit/"])
def test_push__killed_at_a_request__leaves_all_of_the_old_or_all_of_the_new(
    hub, own, request_, tmp_path
):
    push(own, NAME)
    before = dict(hub.repositories[NAME].files())
    add_class(own)
    process, has_begun = None, threading.Event()

    def kill(path):
        if request_ in path:
            has_begun.wait()
            process.kill()
            process.wait()

    hub.before_answer = kill
    command = [sys.executable, "-m", "metaadapter", "push", own, NAME]
    process = subprocess.Popen(command, env=variables(tmp_path, hub))
    has_begun.set()

    assert process.wait() == -signal.SIGKILL
    if request_ != "/commit/":  # where all of it has arrived
        assert hub.repositories[NAME].files() == before
    forget_downloads()
    assert load_adapter(f"hf-hub:{NAME}").support is not None  # its proof fits its files
