from __future__ import annotations

import hashlib
from functools import partial

import numpy as np
import pytest
import torch

from metaadapter.features.fingerprint import digest_weights
from metaadapter.features.towers.config import InsideConfig
from metaadapter.features.towers.inside import restore_inside
from metaadapter.labs.tuning import tune_inside as inside
from metaadapter.labs.tuning.adapted_tower import AdaptedTower
from metaadapter.labs.tuning.inside_steps import StepSettings
from metaadapter.labs.tuning.tune_inside import Inside, tune_inside


def tuned(encoder, pictures, generator, settings=None, **options):
    images, labels = pictures
    names = {label: label for label in labels}
    return tune_inside(encoder, images, labels, names, settings, generator=generator, **options)


def with_tensors(encoder, result):
    return encoder.adapted(
        lambda network: restore_inside(network, result.config, result.tensors), "tuned"
    )


@pytest.mark.parametrize("kind", ["bottleneck", "lora"])
@pytest.mark.parametrize("tower", ["vit", "resnet", "timm"])
def test_training_moves_features_and_no_weight(make_encoder, pictures, generator, tower, kind):
    encoder = make_encoder(tower)
    before, digest = encoder.encode_images(pictures[0]), digest_weights(encoder.network)
    result = tuned(encoder, pictures, generator, Inside(kind, size=4, n_steps=2))
    assert result.n_steps == 2
    assert result.left_out is None
    assert result.config.towers == ("image",)
    assert result.n_trained == sum(tensor.numel() for tensor in result.tensors.values())
    assert np.array_equal(encoder.encode_images(pictures[0]), before)
    assert digest_weights(encoder.network) == digest
    assert not np.allclose(with_tensors(encoder, result).encode_images(pictures[0]), before)


def test_no_step_and_no_gain_keep_the_tower(make_encoder, pictures, generator, monkeypatch):
    encoder = make_encoder("timm")
    none = tuned(encoder, pictures, generator, Inside(size=4, n_steps=0))
    single, twos = (tuple(part[::step] for part in pictures) for step in (4, 2))
    one_each = tuned(encoder, single, generator, Inside(size=4))
    one_each_in_any_case = tuned(encoder, single, generator, Inside(size=4, n_steps=2))
    learned_of_one_each = tuned(encoder, twos, generator, Inside(size=4))
    monkeypatch.setattr(inside, "StepSettings", partial(StepSettings, lr=1e3))
    harmful = tuned(encoder, pictures, generator, Inside(size=4))
    assert one_each.left_out is None
    assert learned_of_one_each.left_out is None
    assert harmful.left_out.strength == 0
    for result in none, one_each, one_each_in_any_case, learned_of_one_each, harmful:
        assert (result.tensors, result.config, result.n_steps) == ({}, None, 0)


def test_left_out_pictures_are_asked_first(make_encoder, pictures, generator, monkeypatch):
    monkeypatch.setattr(inside, "EPOCHS", 10)
    reports = []
    result = tuned(
        make_encoder("timm"), pictures, generator, Inside(size=4), progress=reports.append
    )
    assert result.left_out.n_pictures == 12  # each once
    assert set(result.left_out.accuracies) == set(result.left_out.log_losses) == {0.0, 0.5, 1.0}
    encoded = [report.done for report in reports if report.stage == "encode"]
    taken = [report.done for report in reports if report.stage == "tune"]
    assert encoded[-1] == 12
    # Three steps without each quarter of the pictures, told as if there were four.
    assert taken[:12] == [1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 16]
    assert taken[12:] == ([17, 18, 19, 20, 20] if result.left_out.strength else [20])


def test_the_same_seed_gives_the_same_in_any_order(make_encoder, pictures, generator):
    encoder, settings = make_encoder("timm"), Inside(size=4, n_steps=2)
    images, labels = pictures
    first = tuned(encoder, pictures, generator, settings, seed=5)
    turned = tuned(
        encoder, (images[8:] + images[:8], labels[8:] + labels[:8]), generator, settings, seed=5
    )
    other = tuned(encoder, pictures, generator, settings, seed=6)
    assert hashes(first) == hashes(turned) != hashes(other)


@pytest.mark.parametrize("kind", ["bottleneck", "lora"])
def test_what_adapters_add_can_be_scaled_and_taken_back(make_encoder, kind):
    config = InsideConfig(kind=kind, towers=("image",), width=4, alpha=None)
    tower = AdaptedTower(make_encoder("timm"), config, 2, seed=0)
    tower.cache.add(torch.rand(2, 3, 64, 64))
    places = torch.arange(2)
    start = tower.cache.features(places).detach()
    with torch.no_grad():
        for parameter in tower.parameters:
            parameter.add_(0.01)
    trained = tower.cache.features(places).detach()
    with tower.scaled(2.0):
        assert not torch.allclose(tower.cache.features(places), trained, atol=1e-4)
        tower.scale(0.5)
        torch.testing.assert_close(tower.cache.features(places), trained)
    torch.testing.assert_close(tower.cache.features(places), trained)
    with tower.scaled(0.0):
        torch.testing.assert_close(tower.cache.features(places), start, rtol=1e-4, atol=1e-5)
    tower.restart()
    torch.testing.assert_close(tower.cache.features(places), start)


def hashes(result):
    return {
        name: hashlib.sha256(tensor.numpy().tobytes()).hexdigest()
        for name, tensor in result.tensors.items()
    }
