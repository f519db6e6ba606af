from __future__ import annotations

import hashlib

import numpy as np
import pytest

from metaadapter.adapter.adapted_encoder import with_towers
from metaadapter.data.progress import showing
from metaadapter.features.fingerprint import digest_weights
from metaadapter.labs.tuning import tune_inside as inside
from metaadapter.labs.tuning import tuning_task
from metaadapter.labs.tuning.tune_inside import tune_inside


def tuned(encoder, pictures, generator, kind="bottleneck", **options):
    images, labels = pictures
    names = {label: label for label in labels}
    return tune_inside(encoder, images, labels, names, kind, generator=generator, **options)


def n_steps(result):
    return 0 if result.config is None else result.config.n_steps


@pytest.mark.parametrize("kind", ["bottleneck", "lora"])
@pytest.mark.parametrize("tower", ["vit", "resnet", "timm"])
def test_training_moves_features_and_no_weight(make_encoder, pictures, generator, tower, kind):
    encoder = make_encoder(tower)
    before, digest = encoder.encode_images(pictures[0]), digest_weights(encoder.network)
    result = tuned(encoder, pictures, generator, kind, n_steps=2)
    assert n_steps(result) == 2
    assert result.left_out is None
    assert result.n_trained == sum(tensor.numel() for tensor in result.tensors.values())
    assert np.array_equal(encoder.encode_images(pictures[0]), before)
    assert digest_weights(encoder.network) == digest
    adapted = with_towers(encoder, result.tensors, inside=result.config)
    assert not np.allclose(adapted.encode_images(pictures[0]), before)


def test_no_step_and_no_gain_keep_the_tower(make_encoder, pictures, generator, monkeypatch):
    encoder = make_encoder("timm")
    none = tuned(encoder, pictures, generator, n_steps=0)
    single, twos = (tuple(part[::step] for part in pictures) for step in (4, 2))
    one_each = tuned(encoder, single, generator)
    one_each_in_any_case = tuned(encoder, single, generator, n_steps=2)
    learned_of_one_each = tuned(encoder, twos, generator)
    monkeypatch.setattr(tuning_task, "LEARNING_RATE", 1e3)
    harmful = tuned(encoder, pictures, generator)
    assert one_each.left_out is None
    assert learned_of_one_each.left_out is None
    assert harmful.left_out.strength == 0
    for result in none, one_each, one_each_in_any_case, learned_of_one_each, harmful:
        assert (result.tensors, result.config) == ({}, None)


def test_left_out_pictures_are_asked_first(make_encoder, pictures, generator, monkeypatch):
    monkeypatch.setattr(inside, "EPOCHS", 10)
    reports = []
    with showing(lambda now: reports.append((now.done, now.total))):
        result = tuned(make_encoder("timm"), pictures, generator)
    assert result.left_out.n_pictures == 12  # each once
    assert set(result.left_out.accuracies) == set(result.left_out.log_losses) == {0.0, 0.5, 1.0}
    assert reports[:12] == [(done, 12) for done in range(1, 13)]
    taken = [done for done, total in reports[12:] if total == 20]
    # Three steps without each quarter of the pictures, told as if there were four.
    assert taken[:12] == [1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 16]
    assert taken[12:] == ([17, 18, 19, 20, 20] if result.left_out.strength else [20])


def test_the_same_seed_gives_the_same_in_any_order(make_encoder, pictures, generator):
    encoder, options = make_encoder("timm"), {"n_steps": 2}
    images, labels = pictures
    first = tuned(encoder, pictures, generator, **options, seed=5)
    turned = tuned(
        encoder, (images[8:] + images[:8], labels[8:] + labels[:8]), generator, **options, seed=5
    )
    other = tuned(encoder, pictures, generator, **options, seed=6)
    assert hashes(first) == hashes(turned) != hashes(other)


def hashes(result):
    return {
        name: hashlib.sha256(tensor.numpy().tobytes()).hexdigest()
        for name, tensor in result.tensors.items()
    }
