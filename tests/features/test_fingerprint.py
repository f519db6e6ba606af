from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.fingerprint import (
    Fingerprint,
    digest_weights,
    summarise,
)

PROBE = tuple(float(value) for value in np.linspace(-0.3, 0.3, 32))
FOX = Fingerprint("fox-clip", "tag", 512, False, "0123456789abcdef", PROBE)


def moved(distance: float) -> Fingerprint:
    """The same encoder with the sentence's feature moved by a distance."""
    return replace(FOX, probe=(*PROBE[:31], PROBE[31] + distance))


def test_matches__same_weights_under_other_names__yes():
    assert FOX.matches(replace(FOX, encoder="copy/of/it", weights="file.safetensors"))
    FOX.require_match(moved(0.01), owner="it")


@pytest.mark.parametrize(("distance", "expected"), [(0.09, True), (0.11, False)])
def test_matches__features_apart__up_to_the_tolerance(distance, expected):
    assert FOX.matches(moved(distance)) is expected
    assert moved(distance).matches(FOX) is expected


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (replace(FOX, dim=640), "the features are 512 and 640 wide"),
        (replace(FOX, quick_gelu=True), "the activations are GELU and QuickGELU"),
        (replace(FOX, digest="f" * 16), "the weights differ"),
        (moved(1.0), "weights are the same, but the preprocessing or the architecture differs"),
        (replace(FOX, probe=PROBE[:16]), "the preprocessing or the architecture differs"),
    ],
)
def test_require_match__other_encoder__says_whose_and_why(other, reason):
    with pytest.raises(IncompatibleArtifact, match=rf"the adapter birds was made with.*{reason}"):
        FOX.require_match(other, owner="the adapter birds")


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(50, 60), nn.Linear(60, 3))


def test_digest__same_values_under_other_names_or_in_another_precision__is_the_same():
    layers = network()
    renamed = nn.ModuleDict({"late": layers[1], "early": layers[0]})

    assert digest_weights(renamed) == digest_weights(layers)
    assert digest_weights(layers.half()) == digest_weights(network().half().float())


def test_digest__other_weights_or_one_tensor_a_little_trained__differs():
    trained = network()
    with torch.no_grad():
        trained[1].weight *= 1 + 1e-6

    assert len({digest_weights(layers) for layers in (network(), network(1), trained)}) == 3


@given(st.integers(200, 1280), st.floats(0, 2), st.integers(0, 100))
def test_summary__distance__is_near_that_of_the_features(dim, distance, seed):
    rng = np.random.default_rng(seed)
    feature, direction = (row / np.linalg.norm(row) for row in rng.standard_normal((2, dim)))

    one, other = summarise(feature), summarise(feature + distance * direction)

    measured = np.linalg.norm(np.subtract(one, other))
    assert 0.3 * distance - 1e-4 <= measured <= 2.0 * distance + 1e-4


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_fingerprint__of_features_that_are_no_numbers__is_refused(number):
    with pytest.raises(IncompatibleArtifact, match="the encoder dots computes features that are"):
        Fingerprint.of("dots", np.full(16, number, np.float32))
