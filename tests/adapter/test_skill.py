"""Skill files: an adapter in one file, which can be read in place of a folder."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from metaadapter.adapter.config import AdapterConfig, read_config
from metaadapter.adapter.files import (
    check_skill,
    load_adapter,
    skill_bytes,
    store_adapter,
)
from metaadapter.adapter.layout import CONFIG_FILE, SIGNATURE_FILE, open_skill
from metaadapter.adapter.stored import StoredAdapter, signature_of_file, tensor_bytes
from metaadapter.adapter.support import Support
from metaadapter.adapter.task_signature import TaskSignature
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.files.checksums import sealed, unsealed
from metaadapter.files.stored_zip import zip_bytes
from metaadapter.files.strict_json import json_text, parse_json


def make(n_shots=(2, 1), *, with_support=True, **facts):
    draw = torch.Generator().manual_seed(0)
    texts = torch.eye(2, 8)
    weights = AdapterWeights.zero_shot(texts, 15.0)
    config = AdapterConfig(
        classes=["fox", "lynx"],
        width=8,
        n_shots=list(n_shots),
        mode="one_shot",
        generator="closed-form",
        generator_id="0123456789ab",
        **facts,
    )
    labels = torch.tensor([0] * n_shots[0] + [1] * n_shots[1])
    rows = torch.nn.functional.normalize(torch.rand(len(labels), 8, generator=draw), dim=-1)
    support = Support.of_rows(rows, labels, texts)
    return StoredAdapter(weights, config, support if with_support else None, ("ab", "cd", "ef"))


@pytest.fixture
def skill(tmp_path):
    store_adapter(tmp_path / "wear.adapter", make())
    return tmp_path / "wear.adapter"


def without(path, *names):
    """The files of a skill file, some left out."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name not in names}


def test_skill__holds_what_the_folder_holds(skill, tmp_path, same_support):
    store_adapter(tmp_path / "folder", make())

    one, other = load_adapter(skill), load_adapter(tmp_path / "folder")

    assert skill.is_file()
    for name, tensor in one.weights.tensors().items():
        assert torch.equal(tensor, other.weights.tensors()[name]), name
    assert (one.config, one.picture_hashes) == (other.config, other.picture_hashes)
    assert same_support(one.support, other.support)
    assert read_config(skill)[0] == read_config(tmp_path / "folder")[0]


def read_signature(skill):
    config, proof = read_config(skill, open_skill(skill, CONFIG_FILE, SIGNATURE_FILE))
    return config, signature_of_file(proof.read(SIGNATURE_FILE), config, skill)


def test_skill__signature__is_that_of_its_pictures(skill):
    config, result = read_signature(skill)

    assert config.classes == ["fox", "lynx"]
    expected = TaskSignature.of(make().support)
    for name, tensor in expected.tensors().items():
        assert torch.equal(result.tensors()[name], tensor), name


def test_skill__without_features__still_has_the_signature_of_its_pictures(tmp_path, skill):
    bare = tmp_path / "bare.adapter"
    bare.write_bytes(skill_bytes(load_adapter(skill).without_features()))

    stored = load_adapter(bare)

    assert stored.support is None
    assert stored.picture_hashes == ()
    _, expected = read_signature(skill)
    for again in (bare, tmp_path / "again.adapter", tmp_path / "folder"):
        if again != bare:
            store_adapter(again, stored)
        result = load_adapter(again).task_signature
        for name, tensor in expected.tensors().items():
            assert torch.equal(result.tensors()[name], tensor), name


def test_store_adapter__over_a_skill_file__keeps_the_authors_words_in_the_card(tmp_path, skill):
    files = without(skill, "README.md")
    with zipfile.ZipFile(skill) as archive:
        words = archive.read("README.md") + "\nVon Jörg\n".encode("latin-1")
    skill.write_bytes(zip_bytes({**files, "README.md": words}))

    store_adapter(skill, make(n_shots=(3, 4)))

    with zipfile.ZipFile(skill) as archive:
        card = archive.read("README.md")
    assert b"7 labelled" in card
    assert card.endswith("\nVon Jörg\n".encode("latin-1"))


def test_store_adapter__folder_of_that_name__stays_a_folder(tmp_path):
    (tmp_path / "old.adapter").mkdir()

    store_adapter(tmp_path / "old.adapter", make())

    assert (tmp_path / "old.adapter" / "adapter_config.json").is_file()


@pytest.mark.parametrize("name", ["thesis.txt", "thesis.adapter"])
def test_store_adapter__file_of_something_else__is_left_alone(tmp_path, name):
    (tmp_path / name).write_text("years of work, and more than the end of a zip file has")

    with pytest.raises(DataError, match="is a file, and no adapter that could be replaced"):
        store_adapter(tmp_path / name, make())

    assert (tmp_path / name).read_text().startswith("years of work")


@pytest.mark.parametrize("dies_at", range(3))
def test_store_adapter__killed_at_any_moment__leaves_the_old_skill_or_the_new_one(
    tmp_path, skill, kill_at, dies_at
):
    """When a file is synced, when it gets its name, or after that."""
    old, new = skill.read_bytes(), skill_bytes(make(n_shots=(5, 1)))

    methods = ((os, "fsync"), (Path, "replace"))
    kill_at(dies_at, store_adapter, skill, make(n_shots=(5, 1)), methods=methods)

    assert skill.read_bytes() in (old, new)
    store_adapter(skill, make(n_shots=(5, 1)))
    assert skill.read_bytes() == new
    assert {path.name for path in tmp_path.iterdir()} == {"wear.adapter", ".adapter.lock"}


def test_load_adapter__skill_without_facts_or_another_file__is_no_adapter(skill, tmp_path):
    skill.write_bytes(zip_bytes(without(skill, "adapter_config.json")))
    (tmp_path / "photo.jpg").write_bytes(bytes(100))

    with pytest.raises(IncompatibleArtifact, match="is not an adapter"):
        load_adapter(skill)
    with pytest.raises(
        IncompatibleArtifact, match=r"photo\.jpg is not an adapter: expected a fold"
    ):
        load_adapter(tmp_path / "photo.jpg")


@pytest.mark.parametrize("name", ["adapter_model", "support", "signature"])
def test_load_adapter__member_changed_or_missing__is_reported(skill, name):
    member = f"{name}.safetensors"
    files = without(skill)
    content = files.pop(member)
    changed = content[:-1] + bytes([content[-1] ^ 1])  # with a CRC-32 that fits

    skill.write_bytes(zip_bytes({**files, member: changed}))
    with pytest.raises(DataError, match=rf"wear\.adapter/{member} is damaged or was changed"):
        load_adapter(skill)
    skill.write_bytes(zip_bytes(files))
    with pytest.raises(DataError, match=rf"cannot read .*wear\.adapter/{name}\.safetensors"):
        load_adapter(skill)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("means", torch.zeros(2, 7)),
        ("counts", torch.zeros(2)),
        ("counts", torch.tensor([1, -1])),
        ("means", torch.full((2, 8), float("nan"))),
        ("text", None),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_read_signature__that_cannot_be__is_refused_by_its_name(skill, name, value):
    files = without(skill)
    _, signature = read_signature(skill)
    tensors = {**signature.tensors(), name: value}
    content = tensor_bytes({key: tensor for key, tensor in tensors.items() if tensor is not None})
    facts, hashes = unsealed(parse_json(files["adapter_config.json"]))
    hashes["signature.safetensors"] = hashlib.sha256(content).hexdigest()
    files["adapter_config.json"] = json_text(sealed(facts, hashes)).encode()
    skill.write_bytes(zip_bytes({**files, "signature.safetensors": content}))

    with pytest.raises(DataError, match=r"signature\.safetensors is damaged"):
        read_signature(skill)


@given(data=st.data())
def test_check_skill__any_change_of_its_bytes__is_reported_or_changes_nothing(
    tmp_path_factory, data
):
    content = skill_bytes(make())
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 40)))
    path = tmp_path_factory.getbasetemp() / "changed.adapter"
    path.write_bytes(content[:start] + data.draw(st.binary(max_size=40)) + content[end:])

    if any(fault for _, fault in check_skill(path)):
        return

    read, made = load_adapter(path), make()
    assert torch.equal(read.weights.classes, made.weights.classes)
    assert torch.equal(read.support.labelled_rows()[0], made.support.labelled_rows()[0])
    assert read.config == made.config
