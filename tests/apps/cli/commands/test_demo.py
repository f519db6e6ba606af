from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import metaadapter
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.workflow.estimator import MetaAdapterClassifier

ASSETS = Path(metaadapter.__file__).parent / "assets" / "demo"
PICTURES = sorted((ASSETS / "pictures").rglob("*.jpg"))


@pytest.fixture
def encoder(monkeypatch, demo_features):
    """The embedded encoder, which has looked at the pictures before and remembers them."""
    tiny, features = demo_features

    def remember(_encoder, paths):
        return np.stack([features[path] for path in paths])

    monkeypatch.setattr(FrozenEncoder, "load", {"tiny": tiny}.__getitem__)
    monkeypatch.setattr(FrozenEncoder, "encode_images", remember)
    return tiny


@pytest.fixture
def demo(run, tmp_path):
    """`metaadapter demo`, into tmp_path or `out`."""
    return lambda *more, out=tmp_path: run("demo", "--out", out, *more)


def test_demo__run__prints_the_table_and_what_to_do_next(demo, tmp_path, encoder):
    code, out, err = demo(out=tmp_path / "demo")

    assert code == 0
    rows = out.splitlines()
    assert [row.split("\t")[0] for row in rows] == ["zero-shot", "1 shot", "4 shots"]
    assert all(re.search(r"\d+ of 120\t\d+\.\d%\t\d+\.\d% to \d+\.\d%", row) for row in rows)
    assert "160 photographs were encoded in" in err
    assert "metaadapter adapt YOUR_FOLDER --out my-adapter" in err
    assert str(tmp_path / "demo" / "index.html") in err


def test_demo__figures__are_those_of_the_nearest_name_and_of_the_adapter_and_grow_with_shots(
    demo, tmp_path, encoder
):
    document = demo("--json").document

    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    held_out = [path for path in PICTURES if f"file {path.name}" in html]
    labels, features = [path.parent.name for path in held_out], encoder.encode_images(held_out)
    classes = np.array(document["classes"])
    nearest = classes[(features @ encoder.encode_texts(document["classes"]).T).argmax(1)]
    classifier = MetaAdapterClassifier.load(tmp_path / "adapter")
    zero, one, four = (method["accuracy"]["n_right"] for method in document["methods"])
    assert len(held_out) == 120
    assert classifier.n_shots_.tolist() == [4] * 10
    assert zero == (nearest == labels).sum()
    assert four == (classifier.predict(features) == labels).sum()
    assert four > zero > 12
    assert four > one
