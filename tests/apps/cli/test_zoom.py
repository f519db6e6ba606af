"""`--zoom` and `--no-zoom`, what remembers them, and what is refused."""

from __future__ import annotations

import json

import pytest

from metaadapter.adapter.files import load_adapter
from metaadapter.features.store.feature_store import FeatureStore


def test_adapt_and_predict__no_zoom__is_remembered_by_the_adapter(
    run, labelled, unlabelled, encoder, tmp_path
):
    options = ("--encoder", encoder, "--json")
    once = run("adapt", labelled, "--out", tmp_path / "once", "--no-zoom", *options)
    twice = run("adapt", labelled, "--out", tmp_path / "twice", *options)

    widths = [load_adapter(tmp_path / name).config.width for name in ("once", "twice")]
    assert (once.document["zoom"], twice.document["zoom"]) == (False, True)
    assert widths == [32, 64]
    for name in ("once", "twice"):
        told = run("predict", tmp_path / name, unlabelled, "--json")
        assert told.document["zoom"] is (name == "twice")
        assert told.document["n_pictures"] == 6


@pytest.mark.parametrize(("first", "then"), [("--zoom", "--no-zoom"), ("--no-zoom", "--zoom")])
def test_encode__into_a_store_of_other_looks__ends_with_4_and_keeps_it(
    run, labelled, encoder, tmp_path, first, then
):
    command = ("encode", labelled, "--out", tmp_path / "store", "--encoder", encoder)
    run(*command, first)

    result = run(*command, then)

    assert result.code == 4
    before = "with" if first == "--zoom" else "without"
    assert f"was made {before} a zoom on the middle of each picture" in result.err
    assert f"use {first}, or choose another --out" in result.err
    assert run(*command, first).code == 0


def test_adapt__from_a_store__takes_its_looks_and_refuses_others(run, labelled, encoder, tmp_path):
    store = tmp_path / "store"
    run("encode", labelled, "--out", store, "--encoder", encoder, "--no-zoom")

    result = run("adapt", store, "--out", tmp_path / "adapter", "--text", "heron=a grey heron")

    assert result.code == 0
    assert not load_adapter(tmp_path / "adapter").config.origin.zoom
    refused = run("adapt", store, "--out", tmp_path / "other", "--zoom")
    assert refused.code == 2
    assert f"--zoom was given, but the feature store {store} was made without a zoom" in refused.err
    assert not (tmp_path / "other").exists()


def test_predict__store_of_other_looks__ends_with_4_and_names_the_option(
    run, adapter, unlabelled, encoder, tmp_path
):
    run("encode", unlabelled, "--out", tmp_path / "store", "--encoder", encoder, "--no-zoom")

    result = run("predict", adapter, tmp_path / "store")

    assert result.code == 4
    assert "features of width 64 against 32" in result.err
    assert "Only one of them zooms into each picture: encode with --zoom as well" in result.err


def test_store__of_a_version_that_knew_no_zoom__is_one_without(
    run, labelled, encoder, tmp_path, reseal
):
    run("encode", labelled, "--out", tmp_path / "store", "--encoder", encoder, "--no-zoom")
    assert "zoom" in json.loads((tmp_path / "store" / "store.json").read_text())

    reseal(tmp_path / "store" / "store.json", zoom=None)

    assert not FeatureStore.open(tmp_path / "store").origin.zoom
    assert run("adapt", tmp_path / "store", "--out", tmp_path / "adapter").code == 0
