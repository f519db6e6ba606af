from __future__ import annotations

import pytest

from metaadapter.features.encoder import FrozenEncoder


@pytest.fixture(scope="session")
def tiny():
    """The encoder that the shipped weights are for, with its joint feature alone."""
    return FrozenEncoder.load("tiny", zoom=False, blocks=["joint"])
