"""`metaadapter push`, and names of the hub in other commands."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from metaadapter.adapter import load_adapter
from metaadapter.apps.cli.evaluate_options import names
from metaadapter.bench.evaluation.method_by_name import load_method
from metaadapter.features.hub import hub_folder
from metaadapter.generator import Generator, GeneratorConfig, save_generator
from tests.apps.cli.test_documented_json import agrees
from tests.fake_hub import hub_for_tests, running_hub, variables

NAME = "hf-hub:acme/animals"


@pytest.fixture
def hub(monkeypatch, tmp_path, encoder):
    """A hub with the small encoder."""
    with hub_for_tests(monkeypatch, tmp_path) as running:
        running.put("acme/clip", {file.name: file.read_bytes() for file in encoder.iterdir()})
        hub_folder.cache_clear()
        yield running
        hub_folder.cache_clear()


@pytest.fixture
def published(hub, run, labelled, tmp_path):
    """The name with its commit of an adapter of the encoder on the hub."""
    run("adapt", labelled, "--out", tmp_path / "animals", "--encoder", "hf-hub:acme/clip")
    done = run("push", tmp_path / "animals", "acme/animals", "--license", "cc0-1.0", "--json")
    assert agrees(done.document, "metaadapter.push/1")
    return done.document["name"]


def test_push__adapter__says_where_it_is(run, hub, adapter):
    done = run("push", adapter, "acme/animals", "--private")

    commit = hub.repositories["acme/animals"].refs["main"]
    assert done.code == 0
    assert done.out.startswith(f"{hub.url}/acme/animals: adapter_config.json, ")
    assert f"this very version is {NAME}@{commit}" in done.err
    assert hub.repositories["acme/animals"].private


def test_push__what_is_nothing_to_push__says_what_was_expected(run, hub, labelled):
    done = run("push", labelled, "acme/animals")

    assert done.code == 2
    assert "is nothing to push: expected the folder of an adapter" in done.err
    assert run("push", labelled / "no such", "acme/animals").code == 4
    assert run("push", NAME, "acme/animals").code == 2
    assert "acme/animals" not in hub.repositories


def test_commands__adapter_of_the_hub__is_that_of_the_folder(
    run, published, unlabelled, labelled, tmp_path
):
    here, there = (
        run("predict", place, unlabelled, "--json").document
        for place in (tmp_path / "animals", NAME)
    )
    assert there["adapter"] == published
    assert there | {"adapter": here["adapter"]} == here

    done = run("predict", NAME, unlabelled)
    assert f"{NAME} is now {published}" in done.err
    assert f"{NAME} is now" not in run("predict", NAME, unlabelled, "--quiet").err
    assert run("add", NAME, "owl", labelled / "lynx").code == 2
    assert run("add", NAME, "owl", labelled / "lynx", "--out", tmp_path / "more").code == 0
    assert load_adapter(tmp_path / "more").config.classes == ["heron", "lynx", "owl", "red_fox"]


def test_library_add__adapter_of_the_hub__becomes_an_entry(run, published, tmp_path):
    done = run("library", "add", tmp_path / "library", NAME, "--json")

    assert done.code == 0
    assert done.document["name"] == "animals"
    assert done.document["adapter"] == published


def test_library_add__skill_file_of_a_library_on_the_hub__is_the_same_file(
    run, hub, published, tmp_path
):
    library, other = tmp_path / "library", tmp_path / "other"
    for name in ("one", "two"):
        run("library", "add", library, tmp_path / "animals", "--name", name)
    assert run("push", library, "acme/library").code == 0

    done = run("library", "add", other, "hf-hub:acme/library/two.adapter")

    assert done.code == 0
    entries = [folder / "entries" / "two.adapter" for folder in (library, other)]
    assert entries[0].read_bytes() == entries[1].read_bytes()
    files = hub.repositories["acme/library"].files()
    assert {"one.adapter", "two.adapter"} < files.keys()
    assert "| two\\.adapter |" in files["README.md"].decode() or "two.adapter" in str(files)


@pytest.mark.slow
def test_export__adapter_of_the_hub__is_written(run, published, tmp_path):
    pytest.importorskip("onnxscript")

    done = run("export", NAME, "--onnx", tmp_path / "animals.onnx", "--json")

    assert done.code == 0
    assert done.document["adapter"] == published


def test_generator_of_the_hub__adapts_and_is_evaluated(run, hub, encoder, labelled, tmp_path):
    folder = tmp_path / "generator"
    save_generator(Generator(GeneratorConfig(width=8, n_layers=1, n_heads=2)), folder)
    name = run("push", folder, "acme/generator", "--json").document["name"]
    store = tmp_path / "store"
    run("encode", labelled, "--out", store, "--encoder", encoder)

    done = run(
        *("adapt", labelled, "--out", tmp_path / "own", "--encoder", encoder, "--json"),
        *("--generator", "hf-hub:acme/generator"),
    )
    assert done.code == 0
    assert json.loads((tmp_path / "own" / "adapter_config.json").read_text())["generator"] == name
    assert names(["default, hf-hub:acme/generator"]) == ["default", name]
    assert load_method("hf-hub:acme/generator").identity == load_method(str(folder)).identity
    done = run("evaluate", store, "--methods", "hf-hub:acme/none", "--out", tmp_path / "none")
    assert "the hub has no model hf-hub:acme/none" in done.err


def test_rank_and_ground__adapter_of_the_hub__is_read(run, published, labelled):
    picture = labelled / "lynx" / "0.png"

    assert run("rank", NAME, picture, "--text", "a lynx").code == 0
    assert run("ground", NAME, picture, "lynx").code in (0, 2)


@pytest.mark.slow
def test_program__with_the_hub_s_own_variables__pushes_and_then_predicts_without_a_network(
    adapter, encoder, unlabelled, tmp_path
):
    def program(*arguments, hub=None):
        command = [sys.executable, "-m", "metaadapter", *map(str, arguments), "--json"]
        settings = variables(tmp_path, hub)
        done = subprocess.run(command, env=settings, capture_output=True, check=True)
        return json.loads(done.stdout)

    pictures = (unlabelled, "--encoder", encoder)
    with running_hub() as hub:
        pushed = program("push", adapter, "acme/animals", hub=hub)
        first = program("predict", NAME, *pictures, hub=hub)

    again = program("predict", NAME, *pictures)
    assert first == again
    assert first["adapter"] == pushed["name"]


def test_predict__name_that_the_hub_lacks__ends_with_the_code_of_its_kind(run, hub, labelled):
    hub.put("acme/other", {"config.json": b"{}"})

    assert run("predict", "hf-hub:acme/nothing", labelled).code == 2
    assert run("predict", "hf-hub:nothing", labelled).code == 2
    assert run("predict", "hf-hub:acme/other", labelled).code == 4
