from __future__ import annotations

import hashlib

import numpy as np
import pytest

from metaadapter.adapter.adapted_encoder import with_towers
from metaadapter.features.fingerprint import digest_weights
from metaadapter.features.towers.config import Calibration
from metaadapter.files.progress import showing
from metaadapter.labs import tuning, tuning_task
from metaadapter.labs.choose_strength import LeftOutChoice
from metaadapter.labs.tuning import tune_inside


def tuned(encoder, pictures, generator, **options):
    images, labels = pictures
    names = {label: label for label in labels}
    return tune_inside(encoder, images, labels, names, generator=generator, **options)


@pytest.fixture
def gain(monkeypatch):
    """Left-out pictures gain at full strength, whatever they say."""
    results = dict.fromkeys((0.0, 1.0), 0.5)
    choice = LeftOutChoice(1.0, Calibration(), 12, results, results)
    monkeypatch.setattr(tuning, "choose_strength", lambda *_: choice)


@pytest.mark.parametrize("tower", ["vit", "resnet", "timm"])
def test_training_moves_features_and_no_weight(make_encoder, pictures, generator, gain, tower):
    encoder = make_encoder(tower)
    before, digest = encoder.encode_images(pictures[0]), digest_weights(encoder.network)
    result = tuned(encoder, pictures, generator)
    assert result.config.n_steps == 2
    assert result.n_trained == sum(tensor.numel() for tensor in result.tensors.values())
    assert np.array_equal(encoder.encode_images(pictures[0]), before)
    assert digest_weights(encoder.network) == digest
    adapted = with_towers(encoder, result.tensors, inside=result.config)
    assert not np.allclose(adapted.encode_images(pictures[0]), before)


def test_too_few_pictures_and_no_gain_keep_the_tower(
    make_encoder, pictures, generator, monkeypatch
):
    encoder = make_encoder("timm")
    one_each, two_each = (
        tuned(encoder, tuple(part[::step] for part in pictures), generator) for step in (4, 2)
    )
    monkeypatch.setattr(tuning_task, "LEARNING_RATE", 1e3)
    harmful = tuned(encoder, pictures, generator)
    assert one_each.left_out is None
    assert two_each.left_out is None
    assert harmful.left_out.strength == 0
    for result in one_each, two_each, harmful:
        assert (result.tensors, result.config) == ({}, None)


def test_left_out_pictures_are_asked_first(make_encoder, pictures, generator, monkeypatch):
    monkeypatch.setattr(tuning, "EPOCHS", 10)
    reports = []
    with showing(lambda now: reports.append((now.done, now.total))):
        result = tuned(make_encoder("timm"), pictures, generator)
    assert result.left_out.n_pictures == 12  # each once
    assert set(result.left_out.accuracies) == set(result.left_out.log_losses) == {0.0, 0.5, 1.0}
    assert reports[:12] == [(done, 12) for done in range(1, 13)]
    taken = [done for done, total in reports[12:] if total == 20]
    # Three steps without each quarter of the pictures, in the place of four.
    assert taken[:12] == [1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15]
    assert taken[12:] == ([17, 18, 19, 20, 20] if result.left_out.strength else [20])


def test_the_same_seed_gives_the_same_in_any_order(make_encoder, pictures, generator, gain):
    encoder = make_encoder("timm")
    images, labels = pictures
    first = tuned(encoder, pictures, generator, seed=5)
    turned = tuned(encoder, (images[8:] + images[:8], labels[8:] + labels[:8]), generator, seed=5)
    other = tuned(encoder, pictures, generator, seed=6)
    assert hashes(first) == hashes(turned) != hashes(other)


def hashes(result):
    return {
        name: hashlib.sha256(tensor.numpy().tobytes()).hexdigest()
        for name, tensor in result.tensors.items()
    }
