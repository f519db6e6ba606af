"""`--blocks`: what remembers it, and what is refused."""

from __future__ import annotations

import pytest

from metaadapter.adapter.files import load_adapter
from metaadapter.features.store.feature_store import FeatureStore

WIDTHS = {"joint": 32, "trunk": 32, "stages": 64}


def test_adapt_and_predict__blocks__are_remembered_by_the_adapter(
    run, labelled, unlabelled, encoder, tmp_path
):
    adapted = run(
        *("adapt", labelled, "--out", tmp_path / "adapter", "--encoder", encoder, "--json"),
        *("--blocks", "stages, joint", "--no-zoom"),
    )

    config = load_adapter(tmp_path / "adapter").config
    assert adapted.document["blocks"] == {"joint": 32, "stages": 64}
    assert config.blocks == (32, 64)
    assert config.origin.block_names == ("joint", "stages")
    told = run("predict", tmp_path / "adapter", unlabelled, "--json")
    assert told.document["blocks"] == {"joint": 32, "stages": 64}
    assert told.document["n_pictures"] == 6
    assert "blocks=('joint', 'stages')" in (tmp_path / "adapter" / "README.md").read_text()


def test_encode__all_blocks__are_in_the_store_in_their_order(run, labelled, encoder, tmp_path):
    result = run(
        *("encode", labelled, "--out", tmp_path / "store", "--encoder", encoder),
        *("--blocks", "joint,trunk,stages"),
    )

    assert result.code == 0
    assert "with zoom, blocks joint and trunk and stages" in result.out
    store = FeatureStore.open(tmp_path / "store")
    assert store.origin.blocks == WIDTHS
    assert store.blocks == (32, 32, 64) * 2
    assert store.features.shape[1] == 2 * sum(WIDTHS.values())


def test_encode__into_a_store_of_other_blocks__ends_with_4_and_keeps_it(
    run, labelled, encoder, tmp_path
):
    command = ("encode", labelled, "--out", tmp_path / "store", "--encoder", encoder)
    run(*command, "--blocks", "joint,stages")

    result = run(*command, "--blocks", "joint")

    assert result.code == 4
    assert "holds the blocks joint,stages of each picture, and joint were asked" in result.err
    assert "use --blocks joint,stages, or choose another --out" in result.err
    assert run(*command, "--blocks", "joint,stages").code == 0


def test_adapt__from_a_store__takes_its_blocks_and_refuses_others(run, labelled, encoder, tmp_path):
    store = tmp_path / "store"
    run("encode", labelled, "--out", store, "--encoder", encoder, "--blocks", "joint,stages")

    result = run("adapt", store, "--out", tmp_path / "adapter", "--text", "heron=a grey heron")

    assert result.code == 0
    assert load_adapter(tmp_path / "adapter").config.origin.blocks == {"joint": 32, "stages": 64}
    refused = run("adapt", store, "--out", tmp_path / "other", "--blocks", "joint")
    assert refused.code == 2
    assert f"--blocks joint was given, but the feature store {store} holds joint,stages" in (
        refused.err
    )
    assert not (tmp_path / "other").exists()


def test_predict__store_of_other_blocks__ends_with_4_and_names_the_option(
    run, labelled, unlabelled, encoder, tmp_path
):
    run(
        *("adapt", labelled, "--out", tmp_path / "adapter", "--encoder", encoder),
        *("--blocks", "joint,stages"),
    )
    run(
        *("encode", unlabelled, "--out", tmp_path / "store", "--encoder", encoder),
        *("--blocks", "joint"),
    )

    result = run("predict", tmp_path / "adapter", tmp_path / "store")

    assert result.code == 4
    assert "features of width 192 against 64" in result.err
    assert "encode with the same --blocks and --zoom" in result.err


@pytest.mark.parametrize("blocks", ["stages", "joint,stage", ""])
def test_encode__wrong_blocks__end_with_2(run, labelled, encoder, tmp_path, blocks):
    result = run(
        *("encode", labelled, "--out", tmp_path / "store", "--encoder", encoder),
        *("--blocks", blocks),
    )

    assert result.code == 2
    assert "joint" in result.err
    assert not (tmp_path / "store" / "store.json").exists()


@pytest.mark.slow
def test_evaluate__at_joint__is_the_evaluation_of_the_joint_features_alone(
    run, labelled, encoder, tmp_path
):
    for name, blocks in (("all", "joint,trunk,stages"), ("joint", "joint")):
        run(
            *("encode", labelled, "--out", tmp_path / name / "store", "--encoder", encoder),
            *("--blocks", blocks),
        )
    methods = ("zero-shot", "GDA", "default")
    runs = {
        "all": [f"{name}@joint" for name in methods],
        "joint": methods,
    }

    found = {
        name: run(
            *("evaluate", tmp_path / name / "store", "--out", tmp_path / f"run-{name}", "--json"),
            *("--methods", ",".join(asked), "--shots", "1", "--seeds", "2"),
        ).document
        for name, asked in runs.items()
    }

    losses = {
        name: {
            row["method"].removesuffix("@joint"): row["mean"]
            for row in document["means"]
            if row["metric"] == "nll"
        }
        for name, document in found.items()
    }
    assert set(losses["all"]) == set(methods)
    # Half precision rounds a part of a longer row otherwise than the whole of a shorter one.
    assert losses["all"] == pytest.approx(losses["joint"], abs=0.03)


@pytest.mark.slow
def test_evaluate__without_at_joint__sees_all_blocks(run, labelled, encoder, tmp_path):
    run(
        *("encode", labelled, "--out", tmp_path / "store", "--encoder", encoder),
        *("--blocks", "joint,stages"),
    )

    told = run(
        *("evaluate", tmp_path / "store", "--out", tmp_path / "run", "--json"),
        *("--methods", "GDA,GDA@joint", "--shots", "1", "--seeds", "2"),
    ).document

    losses = {row["method"]: row["mean"] for row in told["means"] if row["metric"] == "nll"}
    assert abs(losses["GDA"] - losses["GDA@joint"]) > 0.01
    assert told["sets"]["store"]["blocks"] == {"joint": 32, "stages": 64}
