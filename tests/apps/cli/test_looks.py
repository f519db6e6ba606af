"""`--zoom` and `--blocks`: what remembers them, and what is refused."""

from __future__ import annotations

import json

import pytest

from metaadapter.adapter.files import load_adapter
from metaadapter.features.store.feature_store import FeatureStore


@pytest.mark.parametrize(
    ("options", "zoom", "blocks", "width"),
    [
        ((), True, {}, 64),
        (("--no-zoom",), False, {}, 32),
        (("--no-zoom", "--blocks", "stages, joint"), False, {"joint": 32, "stages": 64}, 96),
    ],
    ids=["usual", "no zoom", "two blocks"],
)
def test_adapt_and_predict__looks__are_remembered_by_the_adapter(
    run, adapt, labelled, unlabelled, tmp_path, options, zoom, blocks, width
):
    adapted = adapt(labelled, "--json", *options).document
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


def test_encode__all_blocks__are_in_the_store_in_their_order(encode, labelled, tmp_path):
    result = encode(labelled, "--blocks", "joint,trunk,stages")

    assert result.code == 0
    assert "with zoom, blocks joint and trunk and stages" in result.out
    store = FeatureStore.open(tmp_path / "store")
    assert store.origin.blocks == {"joint": 32, "trunk": 32, "stages": 64}
    assert store.blocks == (32, 32, 64) * 2
    assert store.features.shape[1] == 2 * 128


@pytest.mark.parametrize(
    ("first", "then", "reason"),
    [
        ("--zoom", "--no-zoom", "was made with a zoom on the middle of each picture"),
        ("--no-zoom", "--zoom", "was made without a zoom on the middle of each picture"),
        (
            "--blocks joint,stages",
            "--blocks joint",
            "holds the blocks joint,stages of each picture, but joint were asked",
        ),
    ],
)
def test_encode__into_a_store_of_other_looks__ends_with_4_and_keeps_it(
    encode, labelled, first, then, reason
):
    encode(labelled, *first.split())

    result = encode(labelled, *then.split())

    assert result.code == 4
    assert reason in result.err
    assert f"use {first}, or choose another --out" in result.err
    assert encode(labelled, *first.split()).code == 0


@pytest.mark.parametrize(
    ("made", "asked_for", "zoom", "blocks", "option", "reason"),
    [
        ("--no-zoom", "--zoom", False, {}, "zoom (--zoom) is given", "was made without a zoom"),
        (
            "--blocks joint,stages",
            "--blocks joint",
            True,
            {"joint": 32, "stages": 64},
            "blocks (--blocks) is joint",
            "holds joint,stages",
        ),
    ],
)
def test_adapt__from_a_store__takes_its_looks_and_refuses_others(
    run, encode, labelled, tmp_path, made, asked_for, zoom, blocks, option, reason
):
    store = tmp_path / "store"
    encode(labelled, *made.split())

    result = run("adapt", store, "--out", tmp_path / "adapter", "--text", "heron=a grey heron")
    refused = run("adapt", store, "--out", tmp_path / "other", *asked_for.split())

    origin = load_adapter(tmp_path / "adapter").config.origin
    assert result.code == 0
    assert (origin.zoom, origin.blocks) == (zoom, blocks)
    assert refused.code == 2
    assert f"{option}, but the feature store {store} {reason}" in refused.err
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("of_adapter", "of_store", "widths", "remedy"),
    [
        ("--zoom", "--no-zoom", "64 and 32", "encode with --zoom as well"),
        (
            "--blocks joint,stages",
            "--blocks joint",
            "192 and 64",
            "encode with the same --blocks and --zoom",
        ),
    ],
)
def test_predict__store_of_other_looks__ends_with_4_and_names_the_option(
    run, adapt, encode, labelled, unlabelled, tmp_path, of_adapter, of_store, widths, remedy
):
    adapt(labelled, *of_adapter.split())
    encode(unlabelled, *of_store.split())

    result = run("predict", tmp_path / "adapter", tmp_path / "store")

    assert result.code == 4
    assert f"the features are {widths} wide" in result.err
    assert ("Only one encoder zooms into each picture" in result.err) == ("zoom" in of_adapter)
    assert remedy in result.err


@pytest.mark.parametrize("blocks", ["stages", "joint,stage", ""])
def test_encode__wrong_blocks__end_with_2(encode, labelled, tmp_path, blocks):
    result = encode(labelled, "--blocks", blocks)

    assert result.code == 2
    assert "joint" in result.err
    assert not (tmp_path / "store" / "store.json").exists()


def test_store__of_a_version_that_knew_no_zoom__is_one_without(
    run, encode, labelled, tmp_path, reseal
):
    encode(labelled, "--no-zoom")
    assert "zoom" in json.loads((tmp_path / "store" / "store.json").read_text())

    reseal(tmp_path / "store" / "store.json", zoom=None)

    assert not FeatureStore.open(tmp_path / "store").origin.zoom
    assert run("adapt", tmp_path / "store", "--out", tmp_path / "adapter").code == 0


@pytest.fixture
def evaluated(run, tmp_path):
    """The document of an evaluation of tmp_path/NAME, and the mean log loss of each method."""

    def evaluate(name, methods):
        options = ("--methods", methods, "--shots", "1", "--seeds", "2", "--json")
        done = run("evaluate", tmp_path / name, "--out", tmp_path / f"of {name}", *options)
        means = [row for row in done.document["means"] if row["metric"] == "nll"]
        return done.document, {row["method"]: row["mean"] for row in means}

    return evaluate


@pytest.mark.slow
def test_evaluate__at_joint__is_the_evaluation_of_the_joint_features_alone(
    encode, evaluated, labelled, tmp_path
):
    encode(labelled, "--blocks", "joint,trunk,stages", out=tmp_path / "all")
    encode(labelled, "--blocks", "joint", out=tmp_path / "joint")
    methods = ("zero-shot", "GDA", "default")

    _, at_joint = evaluated("all", ",".join(f"{name}@joint" for name in methods))
    _, of_joint = evaluated("joint", ",".join(methods))

    # Half precision rounds a part of a longer row otherwise than the whole of a shorter one.
    expected = {f"{name}@joint": of_joint[name] for name in methods}
    assert at_joint == pytest.approx(expected, abs=0.03)


@pytest.mark.slow
def test_evaluate__without_at_joint__sees_all_blocks(encode, evaluated, labelled):
    encode(labelled, "--blocks", "joint,stages")

    document, losses = evaluated("store", "GDA,GDA@joint")

    assert abs(losses["GDA"] - losses["GDA@joint"]) > 0.01
    assert document["sets"]["store"]["blocks"] == {"joint": 32, "stages": 64}
