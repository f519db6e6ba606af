"""Adapters with parts in the encoder's towers, through each command that takes an adapter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from metaadapter import MetaAdapterClassifier
from metaadapter.adapter.adapted_encoder import adapted_encoder
from metaadapter.adapter.files import load_adapter, store_adapter
from metaadapter.adapter.known import calibrated
from metaadapter.apps.cli.app import main
from metaadapter.features.encoders.encoder_by_name import load_encoder
from metaadapter.features.networks import shared_copy
from metaadapter.features.towers.config import Calibration, InsideConfig
from metaadapter.features.towers.inside import insert_inside, inside_tensors
from metaadapter.features.towers.places import find_places
from metaadapter.labs import tuning
from metaadapter.labs.choose_strength import LeftOutChoice
from tests.small_pictures import write_encoder


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """An encoder whose image tower has three blocks."""
    return write_encoder(tmp_path_factory.mktemp("clip"), seed=0, layers=3)


@pytest.fixture(scope="module")
def plain(labelled, clip, tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain") / "adapter"
    assert not main(["adapt", str(labelled), "--out", str(folder), "--encoder", str(clip)])
    return folder


@pytest.fixture(scope="module")
def inside(plain, clip, tmp_path_factory):
    """The same adapter with parts in the image tower that change a lot."""
    base, stored = load_encoder(str(clip), device="cpu"), load_adapter(plain)
    folder, network, config = (
        tmp_path_factory.mktemp("inside"),
        shared_copy(base.network),
        InsideConfig(width=4),
    )
    insert_inside(network, config, find_places(network))
    draw = torch.Generator().manual_seed(0)
    towers = {
        name: torch.randn(part.shape, generator=draw) if "/up" in name else part
        for name, part in inside_tensors(network).items()
    }
    facts = stored.config.model_copy(update={"inside": config})
    store_adapter(folder, replace(stored, config=facts, towers=towers))
    return folder


@pytest.fixture
def train(adapt, clip):
    """`metaadapter adapt SOURCE --inside bottleneck …` with that encoder, which is to succeed."""

    def command(source, *more, **options):
        done = adapt(source, "--inside", "bottleneck", "--encoder", clip, *more, **options)
        assert done.code == 0, done.err
        return done

    return command


def in_python(adapter, clip, pictures):
    """Probabilities as the adapter's card tells to compute them."""
    stored = load_adapter(adapter)
    origin = stored.config.origin
    base = load_encoder(str(clip), device="cpu", zoom=origin.zoom, blocks=origin.block_names)
    rows = adapted_encoder(base, stored).encode_images(pictures)
    return MetaAdapterClassifier.load(adapter).predict_proba(rows)


def probabilities(document):
    return [[*row["probabilities"].values()] for row in document["predictions"]]


def pictures_in(document):
    return [row["path"] for row in document["predictions"]]


def test_predict__adapter_with_parts__answers_from_the_adapted_encoder(
    run, inside, plain, clip, unlabelled
):
    document = run("predict", inside, unlabelled, "--json").document

    expected = in_python(inside, clip, pictures_in(document))
    np.testing.assert_allclose(probabilities(document), expected, atol=1e-5)
    without = probabilities(run("predict", plain, unlabelled, "--json").document)
    assert np.abs(np.subtract(probabilities(document), without)).max() > 0.01


def test_predict__together__keeps_the_calibration(run, inside, unlabelled, tmp_path):
    stored = load_adapter(inside)

    def together(name, calibration):
        parts = stored.config.inside.model_copy(update={"calibration": calibration})
        config = stored.config.model_copy(update={"inside": parts})
        weights = calibrated(stored.weights, calibration)
        store_adapter(tmp_path / name, replace(stored, config=config, weights=weights))
        out = tmp_path / f"{name}-pooled"
        done = run("predict", tmp_path / name, unlabelled, "--together", "--out", out)
        assert done.code == 0, done.err
        return load_adapter(out)

    calibration = Calibration(temperature=2.0, known_shift=-0.5, own_scale=1.5)
    pooled = together("lower", calibration)
    usual, lower = together("usual", Calibration()).weights, pooled.weights
    torch.testing.assert_close(lower.logit_scale, usual.logit_scale / 2)
    torch.testing.assert_close(lower.known_quantiles, usual.known_quantiles - 0.5)
    torch.testing.assert_close(lower.own_quantiles, 1.5 * usual.own_quantiles)


def test_add__to_an_adapter_with_parts__keeps_them(run, inside, tmp_path):
    out = tmp_path / "more"

    done = run("add", inside, "wolf", "--text", "a grey wolf", "--out", out)

    assert done.code == 0, done.err
    before, after = load_adapter(inside), load_adapter(out)
    assert all(torch.equal(after.towers[name], part) for name, part in before.towers.items())


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (
            "library add {out} {skill}",
            "features of a plain encoder: keep the adapter outside",
        ),
        ("export {inside} --onnx {out}", "export both together, with --pixels"),
        ("predict {inside} {store} --out {out}.csv", "trained parts in the encoder's towers; give"),
    ],
)
def test_adapter_with_parts__where_features_do_not_serve__is_refused(
    run, encode, inside, clip, unlabelled, tmp_path, command, reason
):
    places = {"skill": tmp_path / "one.adapter", "store": tmp_path / "store", "inside": inside}
    store_adapter(places["skill"], load_adapter(inside))
    assert not encode(unlabelled, "--encoder", clip).code

    done = run(*(part.format(out=tmp_path / "out", **places) for part in command.split()))

    assert done.code == 2
    assert reason in done.err
    assert not (tmp_path / "out").exists()


@pytest.fixture
def gain(monkeypatch):
    """Left-out pictures gain at full strength, whatever they say."""
    results = dict.fromkeys((0.0, 1.0), 0.5)
    choice = LeftOutChoice(1.0, Calibration(), 9, results, results)
    monkeypatch.setattr(tuning, "choose_strength", lambda *_: choice)


def test_adapt__inside__keeps_what_was_trained_and_predicts_from_it(
    run, train, labelled, clip, unlabelled, tmp_path, gain
):
    document = train(labelled, "--json").document

    out, training = tmp_path / "adapter", document["inside"]
    stored = load_adapter(out)
    assert training["adapters"]["n_steps"] == 2
    assert training["n_trained"] == sum(part.numel() for part in stored.towers.values())
    assert document["leave_one_out"] is None
    predicted = run("predict", out, unlabelled, "--json").document
    expected = in_python(out, clip, pictures_in(predicted))
    np.testing.assert_allclose(probabilities(predicted), expected, atol=1e-5)
    seen = adapted_encoder(load_encoder(str(clip), device="cpu"), stored)
    rows = seen.encode_images(sorted((labelled / "heron").iterdir()))
    # Stored rows are half precision, where equal numbers may round to neighbours.
    np.testing.assert_allclose(rows, stored.support.labelled_rows()[0][:3], rtol=2**-10, atol=1e-6)


def test_adapt__inside_with_unlabelled_pictures__sees_them_through_the_parts(
    train, labelled, clip, unlabelled, tmp_path, gain
):
    train(labelled, "--unlabelled", unlabelled)

    stored = load_adapter(tmp_path / "adapter")
    seen = adapted_encoder(load_encoder(str(clip), device="cpu"), stored)
    rows = seen.encode_images(sorted(unlabelled.iterdir()))
    np.testing.assert_allclose(stored.support.pool_TUD[0], rows, atol=2e-3)
