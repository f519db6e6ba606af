"""Artifacts with hashes that are right and values that cannot be."""

from __future__ import annotations

import hashlib
import json
import shutil

import pytest
import torch
from safetensors.torch import load, save

from benchmarks.robustness.artifacts import run
from metaadapter.files.checksums import unsealed

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
        ("feature store", "n_pictures", 10**12),
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
    *((name, "too large") for name in ("classes", "class_bias", "likeness", "features")),
    ("encoder.norm.weight", "of bits"),
}


@pytest.mark.parametrize(
    ("kind", "file", "name"),
    [
        ("adapter", "adapter_model.safetensors", "classes"),
        ("adapter", "adapter_model.safetensors", "class_bias"),
        ("adapter", "adapter_model.safetensors", "likeness"),
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
