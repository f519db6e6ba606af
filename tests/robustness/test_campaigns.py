"""A few of the damages, kills and long runs of `python -m benchmarks.robustness`."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

from benchmarks.robustness import long_run
from benchmarks.robustness.artifacts import ARTIFACTS
from benchmarks.robustness.kills import Kills
from benchmarks.robustness.outputs import Outputs
from benchmarks.robustness.page_project import DamagedProject
from benchmarks.robustness.shared_damage import DamagedShared

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", ARTIFACTS)
def test_artifact__damaged_at_random__answers_as_before_or_names_the_file(artifacts, kind):
    trials = [artifacts.trial(kind, np.random.default_rng((20, number))) for number in range(8)]

    assert [trial for trial in trials if trial.failed] == []
    assert {trial.outcome for trial in trials} - {"unchanged"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return DamagedShared(tmp_path_factory.mktemp("shared"))


@pytest.mark.parametrize("kind", DamagedShared.KINDS)
def test_library_or_encoder__damaged_at_random__names_the_file(shared, kind):
    trials = [shared.trial(kind, np.random.default_rng((21, number))) for number in range(8)]

    assert [trial for trial in trials if trial.failed] == []
    assert {trial.outcome for trial in trials} - {"unchanged"}


def test_project_of_the_page__damaged_at_random__is_shown_as_before_or_names_the_file(tmp_path):
    project = DamagedProject(tmp_path)
    trials = [project.trial("project", np.random.default_rng((22, n))) for n in range(12)]

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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks on this system")
def test_outputs__at_random_places__destroy_nothing(tmp_path):
    outputs = Outputs(tmp_path)

    trials = [
        outputs.trial(kind, np.random.default_rng((1, number)))
        for kind in ("predict", "library", "folders")
        for number in range(6)
    ]

    assert [trial for trial in trials if trial.failed] == []
    assert {trial.outcome for trial in trials} == {"written", "refused"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
@pytest.mark.timeout(600)
def test_predict__killed_again_and_again__loses_and_doubles_no_row(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["long_run", "--pictures", "600", "--kills", "3"])
    monkeypatch.setattr(long_run, "MOST_MORE_MIB", 200.0)  # so few pictures do not make it warm

    assert long_run.main() == 0
