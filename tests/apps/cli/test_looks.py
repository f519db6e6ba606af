"""The looks of an encoder: what remembers them, and what is refused."""

from __future__ import annotations

import pytest

from metaadapter.adapter.files import load_adapter


@pytest.mark.parametrize(
    ("options", "zoom", "blocks", "width"),
    [
        ("", True, {}, 64),
        (",zoom=no", False, {}, 32),
        (",zoom=no,blocks=stages+joint", False, {"joint": 32, "stages": 64}, 96),
    ],
    ids=["usual", "no zoom", "two blocks"],
)
def test_adapt_and_predict__looks__are_remembered_by_the_adapter(
    run, adapt, labelled, unlabelled, tmp_path, options, zoom, blocks, width
):
    adapted = adapt(labelled, "--json", looks=options).document
    predicted = run("predict", tmp_path / "adapter", unlabelled, "--json").document

    for document in (adapted, predicted):
        assert (document["zoom"], document["blocks"]) == (zoom, blocks)
    assert predicted["n_pictures"] == 6
    config = load_adapter(tmp_path / "adapter").config
    assert config.width == width
    if blocks:
        assert config.blocks == tuple(blocks.values())
        assert config.origin.block_names == tuple(blocks)
        assert f"blocks={tuple(blocks)}" in (tmp_path / "adapter" / "README.md").read_text()


def test_adapt__from_a_store__takes_its_looks_and_refuses_others(run, encode, labelled, tmp_path):
    store = tmp_path / "store"
    encode(labelled, looks=",zoom=no,blocks=joint+stages")

    result = run("adapt", store, "--out", tmp_path / "adapter", "--text", "heron=a grey heron")
    refused = run("adapt", store, "--out", tmp_path / "other", "--encoder", "blocks=joint")

    origin = load_adapter(tmp_path / "adapter").config.origin
    assert result.code == 0
    assert (origin.zoom, origin.blocks) == (False, {"joint": 32, "stages": 64})
    assert refused.code == 2
    assert f"blocks is joint, but the feature store {store} was made with blocks joint+stages" in (
        refused.err
    )
    assert not (tmp_path / "other").exists()
