"""A few of the random damages of `python -m benchmarks.robustness`."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.robustness.artifacts import ARTIFACTS

pytestmark = pytest.mark.slow

SEED, N_TRIALS = 20, 8


@pytest.mark.parametrize("kind", ARTIFACTS)
def test_artifact__damaged_at_random__answers_as_before_or_names_the_file(artifacts, kind):
    trials = [artifacts.trial(kind, np.random.default_rng((SEED, n))) for n in range(N_TRIALS)]

    assert [trial for trial in trials if trial.failed] == []
    assert {trial.outcome for trial in trials} - {"unchanged"}
