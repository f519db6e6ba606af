from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from metaadapter.features.probe import digest_weights, probe_picture, summarise, uses_quick_gelu


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(50, 60), nn.Linear(60, 3))


def test_picture__every_machine__has_the_same_pixels():
    picture = probe_picture()

    assert picture.size == (256, 256)
    assert hashlib.sha256(picture.tobytes()).hexdigest()[:16] == "cf3b07b074edf0f9"


def test_digest__same_values_under_other_names_and_order__is_the_same():
    layers = network()
    renamed = nn.ModuleDict({"late": layers[1], "early": layers[0]})

    assert digest_weights(renamed) == digest_weights(layers)


def test_digest__float16_values_in_float32__is_that_of_the_values():
    half = network().half()

    assert digest_weights(half) == digest_weights(network().half().float())


def test_digest__other_weights__differs():
    assert digest_weights(network(0)) != digest_weights(network(1))


def test_digest__one_tensor_a_little_trained__differs():
    trained = network()
    with torch.no_grad():
        trained[1].weight *= 1 + 1e-6

    assert digest_weights(trained) != digest_weights(network())


def test_digest__same_values_in_another_shape__differs():
    one, other = nn.Module(), nn.Module()
    one.weight = nn.Parameter(torch.arange(6.0).reshape(2, 3))
    other.weight = nn.Parameter(torch.arange(6.0).reshape(3, 2))

    assert digest_weights(one) != digest_weights(other)


@given(st.integers(200, 1280), st.floats(0, 2), st.integers(0, 100))
def test_summary__distance__is_near_that_of_the_features(dim, distance, seed):
    rng = np.random.default_rng(seed)
    feature, direction = (row / np.linalg.norm(row) for row in rng.standard_normal((2, dim)))

    one, other = summarise(feature), summarise(feature + distance * direction)

    measured = np.linalg.norm(np.subtract(one, other))
    assert 0.3 * distance - 1e-4 <= measured <= 2.0 * distance + 1e-4


def test_summary__known_feature__has_known_signs():
    summary = summarise(np.eye(48, dtype=np.float32)[0])

    assert len(summary) == 16
    assert set(summary) == {-0.25, 0.25}
    assert "".join("+" if value > 0 else "-" for value in summary) == "-+-+++-+--+-++++"


@pytest.mark.parametrize("quick", [True, False])
def test_quick_gelu__somewhere_in_the_network__is_seen(quick):
    from open_clip.transformer import QuickGELU

    activation = QuickGELU() if quick else nn.GELU()

    assert uses_quick_gelu(nn.Sequential(nn.Sequential(activation))) is quick
