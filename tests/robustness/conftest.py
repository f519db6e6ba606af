from __future__ import annotations

import warnings

import pytest

from benchmarks.robustness.damage_trials import DamagedArtifacts


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory):
    """One artifact of each kind, as folder/KIND/artifact."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return DamagedArtifacts(tmp_path_factory.mktemp("artifacts"))
