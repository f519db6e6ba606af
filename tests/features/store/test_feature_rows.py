from __future__ import annotations

import hashlib

import numpy as np
import pytest

from metaadapter.features.store import feature_rows
from metaadapter.features.store.feature_rows import FeatureRows


def test_feature_rows__many_parts__are_as_a_dictionary(monkeypatch):
    monkeypatch.setattr(feature_rows, "MOST_RECENT", 7)
    rng, rows, expected = np.random.default_rng(0), FeatureRows(), {}
    names = [hashlib.sha256(bytes([number])).hexdigest() for number in range(60)]
    # Ends of zeros, which numpy's texts lose, and keys that are no hashes.
    names += ["ab" + "00" * 31, "ab" * 31 + "00", "00" * 32, "picture 1", "AB" * 32, "ab"]
    for _ in range(30):
        some = rng.choice(names, rng.integers(0, 9)).tolist()
        features = rng.standard_normal((len(some), 2, 3)).astype(np.float16)
        rows.extend(some, features)
        expected |= dict(zip(some, features, strict=True))

        assert {*rows} == {*expected}
        assert len(rows) == len(expected)
        for name in names:
            assert (name in rows) == (name in expected)
            if name in expected:
                np.testing.assert_array_equal(rows[name], expected[name])

    with pytest.raises(KeyError, match="unknown"):
        rows["unknown"]
