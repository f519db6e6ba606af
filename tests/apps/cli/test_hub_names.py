"""Names of the hub in commands."""

from __future__ import annotations

import pytest

from metaadapter.adapter import load_adapter
from tests.fake_hub import forget_downloads, hub_for_tests

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
    folder = tmp_path / "animals"
    run("adapt", labelled, "--out", folder, "--encoder", "hf-hub:acme/clip")
    files = {file.name: file.read_bytes() for file in folder.iterdir() if file.name[0] != "."}
    return f"{NAME}@{hub.put('acme/animals', files)}"


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
