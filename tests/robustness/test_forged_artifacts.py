"""Artifacts with hashes that are right and values that cannot be."""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from benchmarks.robustness.artifacts import run
from metaadapter.data.checksums import unsealed
from metaadapter.features.store.chunks import write_chunk_hashes
from metaadapter.features.store.header import StoreHeader

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
DOCUMENTS = {
    "feature store": "store.json",
    "adapter": "adapter_config.json",
    "generator": "config.json",
}


@pytest.fixture
def ask(artifacts, tmp_path):
    """Forges an artifact of a kind, and asks it as a user would."""

    def answer(kind, forge):
        folder = shutil.copytree(artifacts.folder / kind / "artifact", tmp_path / "forged")
        forge(folder)
        out = tmp_path / "out"
        if kind == "adapter":
            return run("predict", folder, artifacts.store, "--json")
        if kind == "generator":
            return run("adapt", artifacts.store, "--generator", folder, "--out", out)
        return run("adapt", folder, "--out", out, "--json")

    return answer


def write_sealed(path, values, files):
    """Unlike the program, also with numbers that are none."""
    document = {**values, "proof": {"files": files}}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    document["proof"]["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("kind", "entry", "value"),
    [
        ("feature store", "n_views", 10**9),
        ("feature store", "n_views", 3),
        ("feature store", "n_rows", 10**12),
        ("feature store", "logit_scale", float("inf")),
        ("feature store", "logit_scale", -1.0),
        ("feature store", "generation", 10**30),
        ("feature store", "encoder", "\ud800"),
        ("feature store", "classes", ["heron", "lynx", 3]),
        ("feature store", "fingerprint", {"dim": 10**12}),
        ("adapter", "width", 10**12),
        ("adapter", "classes", ["heron", "lynx"]),
        ("adapter", "n_shots", [1]),
        ("adapter", "n_shots", [1, 2, -3]),
        ("adapter", "logit_scale", float("nan")),
        ("adapter", "origin", {"n_views": 10**9}),
        ("adapter", "origin", [[]]),
        ("generator", "network", {"width": 10**12}),
        ("generator", "network", {"width": 8192, "n_heads": 1, "n_layers": 128}),
        ("generator", "network", {"n_layers": 10**9}),
        ("generator", "network", []),
        ("generator", "closed_form", {"ridge": -1.0}),
        ("generator", "closed_form", {"sharpness": 1e300}),
        ("generator", "closed_form", {"large_class_weight": "x"}),
    ],
    ids=lambda value: str(value)[:20],
)
def test_document__sealed_with_a_value_that_cannot_be__is_refused(ask, kind, entry, value):
    def forge(folder):
        path = folder / DOCUMENTS[kind]
        values, files = unsealed(json.loads(path.read_bytes()))
        write_sealed(path, {**values, entry: value}, files)

    answer = ask(kind, forge)

    assert answer.code in (3, 4), answer
    assert "forged" in answer.err


def replace_tensors(folder, kind, file, change):
    content = (folder / file).read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    tensors = load(content)
    change(tensors)
    write(folder, kind, file, save(tensors, metadata=header["__metadata__"]))


def write(folder, kind, file, content):
    (folder / file).write_bytes(content)
    path = folder / DOCUMENTS[kind]
    values, files = unsealed(json.loads(path.read_bytes()))
    write_sealed(path, values, files | {file: hashlib.sha256(content).hexdigest()})


CHANGES = {
    "of NaN": lambda tensor: tensor * float("nan"),
    "too large": lambda tensor: torch.full(tensor.shape, 3e38),
    "shorter": lambda tensor: tensor[:-1].clone(),
    "of a task": lambda tensor: tensor[None],
    "of bits": lambda tensor: tensor.bool(),
}


# Numbers of which the probabilities are numbers too.
FIT = {
    *((name, "too large") for name in ("classes", "up", "features")),
    ("encoder.norm.weight", "of bits"),
}


@pytest.mark.parametrize(
    ("kind", "file", "name"),
    [
        ("adapter", "adapter_model.safetensors", "classes"),
        ("adapter", "adapter_model.safetensors", "keys"),
        ("adapter", "adapter_model.safetensors", "up"),
        ("adapter", "support.safetensors", "features"),
        ("adapter", "support.safetensors", "labels"),
        ("generator", "model.safetensors", "encoder.norm.weight"),
    ],
)
@pytest.mark.parametrize("change", CHANGES)
def test_tensor__that_cannot_be__is_refused(ask, kind, file, name, change):
    def forge(folder):
        def put(tensors):
            tensors[name] = CHANGES[change](tensors[name]).contiguous()

        replace_tensors(folder, kind, file, put)

    answer = ask(kind, forge)

    if (name, change) in FIT:
        assert answer.code == 0
        assert "NaN" not in answer.out
    else:
        assert answer.code in (3, 4), answer


def test_safetensors__of_a_length_without_bound__is_refused(ask):
    def forge(folder):
        content = (folder / "adapter_model.safetensors").read_bytes()
        write(
            folder,
            "adapter",
            "adapter_model.safetensors",
            (2**60).to_bytes(8, "little") + content[8:],
        )

    assert ask("adapter", forge).code == 3


def head(text):
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    "content",
    [
        head("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 16), }")
        + bytes(99),
        head("{'descr': '|O', 'fortran_order': False, 'shape': (3, 16), }") + bytes(192),
        head("{'descr': '<f4', 'fortran_order': False, 'shape': (-3, 16), }") + bytes(192),
        head("(" * 5_000),
        head("")[:9],
        b"PK\x03\x04",
    ],
    ids=["too long", "objects", "negative", "nested", "cut off", "npz"],
)
@pytest.mark.parametrize("file", ["features-0001.npy", "texts-0001.npy"])
def test_array__of_a_head_that_cannot_be__is_refused(ask, file, content):
    answer = ask("feature store", lambda folder: write(folder, "feature store", file, content))

    assert answer.code == 3
    assert file in answer.err


@pytest.mark.parametrize("kind", [np.float64, np.int32, np.complex64, np.str_, ">f4"])
def test_texts__of_another_kind_of_numbers__are_refused(ask, kind):
    def forge(folder):
        texts = np.load(folder / "texts-0001.npy").astype(kind)
        np.save(folder / "other.npy", texts)
        content = (folder / "other.npy").read_bytes()
        write(folder, "feature store", "texts-0001.npy", content)

    answer = ask("feature store", forge)

    assert answer.code == 3
    assert "texts-0001.npy" in answer.err


@pytest.mark.parametrize(
    ("column", "array"),
    [
        ("label", np.full(6, 9, np.int32)),
        ("label", np.full(6, -7, np.int32)),
        ("label", np.zeros(6)),
        ("label", np.zeros((6, 2), np.int32)),
        ("label", np.zeros(5, np.int32)),
        ("label_names", np.frombuffer(b"[1, {}]", np.uint8)),
        ("label_names", np.frombuffer(b"[", np.uint8)),
        ("path_ends", np.array([["a"]])),
        ("sha256", np.zeros(6, np.uint8)),
        ("picture", np.zeros(6, np.int32)),
    ],
)
def test_rows__that_are_no_columns_of_the_pictures__are_refused(ask, column, array):
    def forge(folder):
        with np.load(folder / "rows-0001.npz") as table:
            columns = {**table, column: array}
        np.savez(folder / "other.npz", **columns)
        write(folder, "feature store", "rows-0001.npz", (folder / "other.npz").read_bytes())
        write_chunk_hashes(folder, StoreHeader.read(folder)[0])
        hashes = (folder / "chunks-0001.npy").read_bytes()
        write(folder, "feature store", "chunks-0001.npy", hashes)

    answer = ask("feature store", forge)

    assert answer.code == 3
