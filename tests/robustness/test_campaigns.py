"""A few of the damages, kills and long runs of `python -m benchmarks.robustness`."""

from __future__ import annotations

import os

import numpy as np
import pytest

from benchmarks.robustness.artifacts import ARTIFACTS
from benchmarks.robustness.kills import Kills

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", ARTIFACTS)
def test_artifact__damaged_at_random__answers_as_before_or_names_the_file(artifacts, kind):
    trials = [artifacts.trial(kind, np.random.default_rng((20, number))) for number in range(8)]

    assert [trial for trial in trials if trial.failed] == []
    assert {trial.outcome for trial in trials} - {"unchanged"}


@pytest.fixture(scope="module")
def kills(tmp_path_factory):
    return Kills(tmp_path_factory.mktemp("kills"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks on this system")
@pytest.mark.parametrize("kind", ["encode", "add", "library add", "library remove"])
def test_command__killed_at_random__leaves_a_whole_artifact_and_goes_on(kills, kind):
    trial = kills.trial(kind, np.random.default_rng(1))

    assert not trial.failed, trial
    assert trial.outcome != "whole after 0 kills"
