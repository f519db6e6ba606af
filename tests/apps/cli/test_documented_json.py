"""Every `--json` document has the keys and types that documents.toml promises."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from metaadapter.apps import cli
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from tests.apps.cli.commands.test_train import CONFIG

DOCUMENTS = tomllib.loads(
    Path(cli.__file__).with_name("documents.toml").read_text(encoding="utf-8")
)
TYPES = {
    "text": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "list": list,
    "object": dict,
    "null": type(None),
}


def documented(schema):
    """Key → names of its types: the common keys that the document has, and its own."""
    own, common = DOCUMENTS[schema.removeprefix("metaadapter.")], DOCUMENTS["common"]
    keys = {name: common[name] for name in own.get("common", "").split()} | own
    return {"schema": ["text"]} | {
        key: value.partition(": ")[0].split(" or ")
        for key, value in keys.items()
        if key not in ("about", "common")
    }


def agrees(document, schema):
    """Whether the document has exactly the documented keys, each of a documented type."""
    promised = documented(schema)
    assert document["schema"] == schema
    assert set(document) == set(promised)
    for key, kinds in promised.items():
        assert any(isinstance(document[key], TYPES[kind]) for kind in kinds), key
    return True


@pytest.mark.parametrize(
    ("schema", "command"),
    [
        ("encode/1", "encode {labelled} --out {out} --encoder {encoder}"),
        ("adapt/1", "adapt {labelled} --out {out} --encoder {encoder}"),
        ("adapt-several/1", "adapt {labelled} --several --out {out} --encoder {encoder}"),
        ("add/1", "add {adapter} wolf {labelled}/lynx --out {out}"),
        ("add/1", "add {adapter} wolf --text wolf --out {out}"),
        ("predict/1", "predict {adapter} {labelled}"),
        ("predict/1", "predict {adapter} {labelled} --labelled"),
        ("doctor/1", "doctor"),
        ("advice/1", "doctor --advise {labelled} --encoder {encoder}"),
        ("advice/1", "doctor --advise {labelled} --encoder {encoder} --page {out}/page.html"),
        ("to_label/1", "doctor --advise {labelled} --label 3 --encoder {encoder}"),
        ("to_label/1", "doctor --advise {labelled} --label 3 --encoder {encoder} --out {out}.csv"),
        ("error/1", "predict nowhere new"),
    ],
)
def test_command__document__is_as_documented(
    run, labelled, encoder, adapter, tmp_path, schema, command
):
    places = {"labelled": labelled, "encoder": encoder, "adapter": adapter}
    words = [word.format(**places, out=tmp_path / "out") for word in command.split()]

    assert agrees(run(*words, "--json").document, f"metaadapter.{schema}")


def test_merge__document__is_as_documented(run, labelled, encoder, tmp_path):
    parts = [tmp_path / "part1", tmp_path / "part2"]
    for number, part in enumerate(parts, start=1):
        run("encode", labelled, "--encoder", encoder, "--out", part, "--shard", f"{number}/2")

    done = run("merge", *parts, "--out", tmp_path / "whole", "--json")

    assert agrees(done.document, "metaadapter.merge/1")
    assert done.document["n_total"] == 9


def test_export__document__is_as_documented(run, adapter, tmp_path):
    pytest.importorskip("onnxscript")

    done = run("export", adapter, "--onnx", tmp_path / "adapter.onnx", "--json")

    assert agrees(done.document, "metaadapter.export/1")


def test_library__documents__are_as_documented(run, adapter, tmp_path):
    library = tmp_path / "library"
    commands = {"add": (adapter,), "list": (), "remove": ("animals",)}

    for command, arguments in commands.items():
        done = run("library", command, library, *arguments, "--json")

        assert agrees(done.document, f"metaadapter.library-{command}/1")


def test_library_questions__documents__are_as_documented(run, adapter, labelled, tmp_path):
    library = tmp_path / "library"
    for name in ("one", "other"):
        assert run("library", "add", library, adapter, "--name", name).code == 0
    questions = [
        ("identify", labelled),
        ("identify", labelled, "--together"),
        ("predict", labelled),
    ]

    for command, *arguments in questions:
        done = run("library", command, library, *arguments, "--json")

        assert agrees(done.document, f"metaadapter.library-{command}/1")


def test_train__document__is_as_documented(run, tmp_path):
    (tmp_path / "birds.toml").write_text(CONFIG)

    done = run("train", tmp_path / "birds.toml", "--out", tmp_path / "run", "--json")

    assert agrees(done.document, "metaadapter.train/1")


@pytest.mark.parametrize("options", [("zero-shot",), ("growing@GDA", "--set", "continual=pooled")])
def test_evaluate_and_report__documents__are_as_documented(run, make_store, tmp_path, options):
    stores = [make_store(name, {"ant": 3, "bee": 3}).folder for name in ("pets", "toys")]
    few = ("--shots", "1", "--seeds", "1", "--jobs", "1")

    done = run(
        "evaluate", *stores, "--methods", *options, "--out", tmp_path / "run", *few, "--json"
    )
    report = run("report", tmp_path / "run", "--json")

    assert agrees(done.document, "metaadapter.evaluate/1")
    assert agrees(report.document, "metaadapter.report/1")


def test_demo__document__is_as_documented(run, encoder, tmp_path, monkeypatch):
    stand_in = FrozenEncoder.load(str(encoder))
    monkeypatch.setattr(FrozenEncoder, "load", lambda _name: stand_in)

    done = run("demo", "--out", tmp_path / "demo", "--json")

    assert agrees(done.document, "metaadapter.demo/1")
