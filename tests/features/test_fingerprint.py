from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.fingerprint import Fingerprint

PROBE = tuple(float(value) for value in np.linspace(-0.3, 0.3, 32))
FOX = Fingerprint("fox-clip", "tag", 512, False, "0123456789abcdef", PROBE)


def moved(distance: float) -> Fingerprint:
    """The same encoder with the sentence's feature moved by a distance."""
    return replace(FOX, probe=(*PROBE[:31], PROBE[31] + distance))


def test_matches__same_weights_under_other_names__yes():
    assert FOX.matches(replace(FOX, encoder="copy/of/it", weights="file.safetensors"))


@pytest.mark.parametrize(("distance", "expected"), [(0.09, True), (0.11, False)])
def test_matches__features_apart__up_to_the_tolerance(distance, expected):
    assert FOX.matches(moved(distance)) is expected
    assert moved(distance).matches(FOX) is expected


def test_matches__many_small_differences__are_taken_together():
    spread = replace(FOX, probe=tuple(value + 0.03 for value in PROBE))

    assert np.linalg.norm([0.03] * 16) > 0.1
    assert not FOX.matches(spread)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (replace(FOX, dim=640), "features of width 512 against 640"),
        (replace(FOX, quick_gelu=True), "the activation is GELU against QuickGELU"),
        (replace(FOX, digest="f" * 16), "the weights differ"),
        (moved(1.0), "weights are the same, but the preprocessing or the architecture differs"),
        (replace(FOX, probe=PROBE[:16]), "the preprocessing or the architecture differs"),
    ],
)
def test_require_match__other_encoder__says_whose_and_why(other, reason):
    with pytest.raises(IncompatibleArtifact, match=rf"the adapter birds was made with.*{reason}"):
        FOX.require_match(other, owner="the adapter birds")


def test_require_match__other_encoder__names_both_and_the_remedy():
    lynx = replace(FOX, encoder="lynx-clip", digest="f" * 16)

    message = r"encoder fox-clip \(.*encoder lynx-clip \(weights tag, f{16}\).*--encoder fox-clip"
    with pytest.raises(IncompatibleArtifact, match=message):
        FOX.require_match(lynx, owner="it")


def test_require_match__same_encoder__is_silent():
    FOX.require_match(moved(0.01), owner="it")


def test_json__there_and_back__is_the_same():
    assert Fingerprint.from_dict(json.loads(json.dumps(FOX.to_dict()))) == FOX


def test_json__key_of_a_later_version__is_ignored():
    assert Fingerprint.from_dict(FOX.to_dict() | {"licence": "MIT"}) == FOX


def test_json__key_missing__is_named():
    values = {key: value for key, value in FOX.to_dict().items() if key != "probe"}

    with pytest.raises(IncompatibleArtifact, match="fingerprint lacks probe"):
        Fingerprint.from_dict(values)


@pytest.mark.parametrize("change", [{"probe": 3}, {"probe": ["x"]}, {"dim": "wide"}])
def test_json__value_of_another_kind__is_refused(change):
    with pytest.raises(IncompatibleArtifact, match="fingerprint cannot be read"):
        Fingerprint.from_dict(FOX.to_dict() | change)
