"""A few of the kills of `python -m benchmarks.robustness`."""

from __future__ import annotations

import os

import numpy as np
import pytest

from benchmarks.robustness.kills import Kills

pytestmark = pytest.mark.slow

SEED = 1


@pytest.fixture(scope="module")
def kills(tmp_path_factory):
    return Kills(tmp_path_factory.mktemp("kills"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks on this system")
@pytest.mark.parametrize("kind", ["encode", "add", "library add", "library remove"])
def test_command__killed_at_random__leaves_a_whole_artifact_and_goes_on(kills, kind):
    trial = kills.trial(kind, np.random.default_rng(SEED))

    assert not trial.failed, trial
    assert trial.outcome != "whole after 0 kills"
