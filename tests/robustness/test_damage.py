"""A few of the random damages of `python -m benchmarks.robustness`."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from benchmarks.robustness.artifacts import ARTIFACTS
from benchmarks.robustness.damage_trials import DamagedArtifacts

SEED, N_TRIALS = 20, 8


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return DamagedArtifacts(tmp_path_factory.mktemp("artifacts"))


@pytest.mark.parametrize("kind", ARTIFACTS)
def test_artifact__damaged_at_random__answers_as_before_or_names_the_file(artifacts, kind):
    trials = [artifacts.trial(kind, np.random.default_rng((SEED, n))) for n in range(N_TRIALS)]

    assert [trial for trial in trials if trial.failed] == []
    assert {trial.outcome for trial in trials} - {"unchanged"}
