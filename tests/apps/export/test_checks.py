"""The check that stands before a file is written finds what differs."""

from __future__ import annotations

import numpy as np
import pytest

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.export.checks import (
    Case,
    Expected,
    feature_cases,
    largest_difference,
    require_same,
    squashed,
)
from metaadapter.errors import IncompatibleArtifact

SHARES = np.array([[0.25, 0.75], [0.5, 0.5]])
KNOWN = np.array([0.3, 0.6])
UNFAMILIAR = np.array([True, False])
EXPECTED = (Expected(SHARES), Expected(KNOWN), Expected(UNFAMILIAR, np.array([0.01, 0.3])))


def difference(shares, known, unfamiliar=UNFAMILIAR):
    outputs = (shares, known, unfamiliar, "features")
    return largest_difference(lambda _batch: outputs, [Case(np.zeros((2, 3)), EXPECTED)])


def test_largest_difference__is_that_of_any_output():
    moved = KNOWN + np.array([0, 0.02])

    assert difference(SHARES, KNOWN) == 0
    assert difference(SHARES, moved) == pytest.approx(0.02)
    assert difference(SHARES + np.array([[0.1, -0.1], [0, 0]]), moved) == pytest.approx(0.1)


def test_largest_difference__another_answer__is_as_large_as_a_probability_would_have_to_move():
    assert difference(SHARES, KNOWN, np.array([False, False])) == 0.01
    assert difference(SHARES, KNOWN, np.array([False, True])) == 0.3


def test_largest_difference__output_that_is_missing__is_an_error():
    with pytest.raises(ValueError, match="shorter"):
        largest_difference(lambda _batch: (SHARES, KNOWN), [Case(np.zeros((2, 3)), EXPECTED)])


def test_largest_difference__no_number__is_no_agreement():
    assert difference(SHARES * np.nan, KNOWN) == np.inf


def test_require_same__tells_whose_difference_it_is():
    require_same(9e-4, owner="hats.onnx")

    with pytest.raises(IncompatibleArtifact, match=r"hats\.onnx was not written.*up to 0\.0061"):
        require_same(0.0061, owner="hats.onnx")


def test_feature_cases__adapter_without_features__are_drawn_in_batches(make_adapter, make_config):
    weights = make_adapter(n_tasks=1)[0].task(0)

    cases = feature_cases(StoredAdapter(weights, make_config(), None))

    assert [len(case) for case in cases] == [1, 7, 64]
    assert all(len(case.expected) == 1 for case in cases)


@pytest.mark.parametrize(("height", "width"), [(5, 9), (300, 470), (224, 224)])
def test_squashed__four_neighbours_by_a_loop__agree(height, width):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    result = squashed(pixels, 224)

    for row, column in np.random.default_rng(1).integers(0, 224, (60, 2)).tolist():
        y = min(max((row + 0.5) * height / 224 - 0.5, 0), height - 1)
        x = min(max((column + 0.5) * width / 224 - 0.5, 0), width - 1)
        top, left = int(y), int(x)
        low, right = min(top + 1, height - 1), min(left + 1, width - 1)
        a, b = (
            pixels[at, left] * (1 - x + left) + pixels[at, right] * (x - left) for at in (top, low)
        )
        wanted = a * (1 - y + top) + b * (y - top)
        assert np.abs(result[row, column] - wanted).max() <= 0.5 + 1e-3
