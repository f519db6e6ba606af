from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import metaadapter
from metaadapter.apps.cli.app import main
from metaadapter.data.decode import content_hash
from metaadapter.features.encoder import FrozenEncoder
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


def demo(capsys, *arguments):
    """Exit code, stdout, stderr."""
    code = main(["demo", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def without_seconds(document):
    methods = [
        {key: value for key, value in method.items() if key != "adapter_seconds"}
        for method in document["methods"]
    ]
    return document | {"methods": methods, "encode_seconds": None}


def test_demo__run__prints_the_table_and_what_to_do_next(tmp_path, capsys, encoder):
    code, out, err = demo(capsys, "--out", tmp_path / "demo")

    assert code == 0
    header, *rows = out.splitlines()
    assert header.split()[:4] == ["method", "shots", "correct", "accuracy"]
    assert [row.split("  ")[0] for row in rows] == ["zero-shot", "1 shot", "4 shots"]
    assert all(re.search(r"\d+ of 120 +\d+\.\d% +\d+\.\d% to \d+\.\d%", row) for row in rows)
    assert "160 photographs were encoded in" in err
    assert "metaadapter adapt YOUR_FOLDER --out my-adapter" in err
    assert str(tmp_path / "demo" / "index.html") in err


def test_demo__quiet__prints_the_table_only(tmp_path, capsys, encoder):
    code, out, err = demo(capsys, "--out", tmp_path, "--quiet")

    assert code == 0
    assert len(out.splitlines()) == 4
    assert err == ""


def test_demo__json__is_one_document_with_the_numbers_of_the_page(tmp_path, capsys, encoder):
    code, out, _ = demo(capsys, "--out", tmp_path, "--json", "--seed", 3)

    document = json.loads(out)
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert code == 0
    assert document["schema"] == "metaadapter.demo/1"
    assert [method["n_shot"] for method in document["methods"]] == [0, 1, 4]
    for method in document["methods"]:
        assert f"<td>{method['accuracy']['n_right']}</td>" in html
        assert method["accuracy"]["n"] == 120
    assert "metaadapter demo --seed 3" in html


def test_demo__same_seed__gives_the_same_numbers(tmp_path, capsys, encoder):
    _, first, _ = demo(capsys, "--out", tmp_path, "--json", "--seed", 1)
    _, again, _ = demo(capsys, "--out", tmp_path, "--json", "--seed", 1)
    _, other, _ = demo(capsys, "--out", tmp_path, "--json", "--seed", 2)

    first, again, other = (without_seconds(json.loads(text)) for text in (first, again, other))
    assert first == again
    assert first["methods"] != other["methods"]


def test_demo__four_shot_adapter__answers_as_the_page_says(tmp_path, capsys, encoder):
    _, out, _ = demo(capsys, "--out", tmp_path, "--json")
    html = (tmp_path / "index.html").read_text(encoding="utf-8")

    classifier = MetaAdapterClassifier.load(tmp_path / "adapter")
    held_out = [path for path in PICTURES if f"file {path.name}" in html]
    answers = classifier.predict(encoder.encode_images(held_out))

    n_right = sum(path.parent.name == label for path, label in zip(held_out, answers, strict=True))
    assert len(held_out) == 120
    assert classifier.n_shots_.tolist() == [4] * 10
    assert n_right == json.loads(out)["methods"][-1]["accuracy"]["n_right"]


def test_demo__zero_shot__is_the_nearest_name(tmp_path, capsys, encoder):
    _, out, _ = demo(capsys, "--out", tmp_path, "--json")
    html = (tmp_path / "index.html").read_text(encoding="utf-8")

    classes = json.loads(out)["classes"]
    text = encoder.encode_texts(classes)
    held_out = [path for path in PICTURES if f"file {path.name}" in html]
    nearest = (encoder.encode_images(held_out) @ text.T).argmax(1)

    n_right = sum(path.parent.name == classes[i] for path, i in zip(held_out, nearest, strict=True))
    assert n_right == json.loads(out)["methods"][0]["accuracy"]["n_right"]


def test_demo__page_of_someone_else__is_not_overwritten(tmp_path, capsys, encoder):
    (tmp_path / "index.html").write_text("<h1>My thesis</h1>")

    code, _, err = demo(capsys, "--out", tmp_path)

    assert code == 3
    assert "is not a page of metaadapter, and would be overwritten; choose" in err
    assert (tmp_path / "index.html").read_text() == "<h1>My thesis</h1>"
    assert not (tmp_path / "adapter").exists()


def test_demo__out_is_a_file__says_so(tmp_path, capsys, encoder):
    (tmp_path / "demo").write_text("a file")

    code, _, err = demo(capsys, "--out", tmp_path / "demo")

    assert code == 3
    assert "is a file, not a folder; choose another folder with --out" in err


def test_demo__open__shows_the_page(tmp_path, capsys, encoder, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)

    demo(capsys, "--out", tmp_path, "--open")

    assert opened == [(tmp_path / "index.html").as_uri()]


def test_pictures__in_the_package__are_sixteen_of_each_class_and_small():
    classes = [path.parent.name for path in PICTURES]

    assert {classes.count(label) for label in classes} == {16}
    assert len(set(classes)) == 10
    assert sum(path.stat().st_size for path in PICTURES) < 3e6
    assert len({content_hash(path) for path in PICTURES}) == 160


def test_pictures__licence__lies_beside_them():
    assert (ASSETS / "LICENSE").read_text().startswith("Creative Commons Legal Code\n\nCC0 1.0")
    assert "CC0 1.0" in (ASSETS / "README.md").read_text()


def test_demo__embedded_encoder__gains_from_shots(tmp_path, capsys, encoder):
    code, out, _ = demo(capsys, "--out", tmp_path, "--json")

    zero_shot, one_shot, four_shots = json.loads(out)["methods"]
    assert code == 0
    assert four_shots["accuracy"]["n_right"] > zero_shot["accuracy"]["n_right"] > 12
    assert four_shots["accuracy"]["n_right"] > one_shot["accuracy"]["n_right"]


@pytest.mark.slow
def test_demo__pictures_seen_for_the_first_time__give_the_numbers_of_remembered_features(
    tmp_path, capsys, request
):
    _, seen, _ = demo(capsys, "--out", tmp_path, "--json")
    request.getfixturevalue("encoder")
    _, remembered, _ = demo(capsys, "--out", tmp_path, "--json")

    assert without_seconds(json.loads(seen)) == without_seconds(json.loads(remembered))
