"""The check that stands before a file is written finds what differs."""

from __future__ import annotations

import numpy as np
import pytest

from metaadapter.apps.export.checks import Case, largest_difference, require_same
from metaadapter.errors import IncompatibleArtifact

SHARES = np.array([[0.25, 0.75], [0.5, 0.5]])
KNOWN = np.array([0.3, 0.6])


def difference(*outputs):
    return largest_difference(lambda _batch: outputs, [Case(np.zeros((2, 3)), (SHARES, KNOWN))])


def test_largest_difference__no_number__is_no_agreement():
    assert difference(SHARES * np.nan, KNOWN) == np.inf


def test_require_same__tells_whose_difference_it_is():
    require_same(9e-5, owner="hats.onnx")

    with pytest.raises(IncompatibleArtifact, match=r"hats\.onnx was not written.*up to 0\.0002"):
        require_same(2e-4, owner="hats.onnx")
