"""`metaadapter push`, and names of the hub in other commands."""

from __future__ import annotations

import pytest

from metaadapter.adapter import load_adapter
from metaadapter.data.hub import forget_downloads
from tests.apps.cli.test_documented_json import agrees
from tests.fake_hub import hub_for_tests

NAME = "hf-hub:acme/animals"


@pytest.fixture
def hub(monkeypatch, tmp_path, encoder):
    """A hub with the small encoder."""
    with hub_for_tests(monkeypatch, tmp_path) as running:
        running.put("acme/clip", {file.name: file.read_bytes() for file in encoder.iterdir()})
        forget_downloads()
        yield running
        forget_downloads()


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


def test_predict__name_that_the_hub_lacks__ends_with_the_code_of_its_kind(run, hub, labelled):
    hub.put("acme/other", {"config.json": b"{}"})

    assert run("predict", "hf-hub:acme/nothing", labelled).code == 2
    assert run("predict", "hf-hub:nothing", labelled).code == 2
    assert run("predict", "hf-hub:acme/other", labelled).code == 4
