from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from metaadapter.bench.run import evaluate
from tests.bench.evaluation.test_folder import read_cells
from tests.bench.evaluation.test_run import figures

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("evaluate_slowly.py")


def kill_after(store, run, n_cells):
    """Start the evaluation and kill it, without warning, as soon as it has told of so many."""
    command = [sys.executable, str(PROGRAM), str(store), str(run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) >= n_cells:
                break
        process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="no kill -9 there")
def test_evaluate__killed_and_given_again__has_every_row_once(pets, ask, tmp_path):
    config = ask(pets, methods=("zero-shot", "GDA"), seeds=10)
    kill_after(pets, tmp_path / "killed", 11)
    kept = len(read_cells(tmp_path / "killed"))

    resumed = evaluate(config, tmp_path / "killed")

    evaluate(config, tmp_path / "whole")
    assert 11 <= kept < 40
    assert resumed.n_measured == 40 - kept
    assert figures(tmp_path / "killed") == figures(tmp_path / "whole")
