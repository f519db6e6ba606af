"""A few of the kills of `python -m benchmarks.robustness`."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.robustness.kills import Kills

SEED, N_TRIALS = 1, 2


@pytest.fixture(scope="module")
def kills(tmp_path_factory):
    return Kills(tmp_path_factory.mktemp("kills"))


@pytest.mark.parametrize("kind", ["encode", "add"])
def test_command__killed_at_random__leaves_a_whole_artifact_and_goes_on(kills, kind):
    trials = [kills.trial(kind, np.random.default_rng((SEED, n))) for n in range(N_TRIALS)]

    assert [trial for trial in trials if trial.failed] == []
    assert {trial.outcome for trial in trials} - {"whole after 0"}
