"""`metaadapter train` with two processes of torchrun, on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for another process there"),
]

QUICK = Path(__file__).parents[3] / "configs" / "train" / "quick.toml"
SMALL = ("--set", "optim.tasks_per_draw=2", "--set", "validate.tasks=2")


@pytest.fixture
def torchrun():
    """Start two processes of the program; stdout and stderr are pipes."""
    started = []

    def start(*arguments):
        program = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
        command = [*program, "-m", "metaadapter", "train", *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        started.append(subprocess.Popen(command, env=environment, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_train__ctrl_c__saves_the_state_of_both_and_names_the_command(torchrun, tmp_path):
    process = torchrun(QUICK, "--out", tmp_path / "run", *SMALL)
    for line in process.stderr:
        if line.startswith("step 0 of"):
            process.send_signal(signal.SIGINT)
            break
    else:
        pytest.fail("it ended before its first step")

    _, notes = process.communicate()

    assert notes.count("stopping after this step, which is saved") == 1
    assert f"torchrun --nproc-per-node 2 -m metaadapter train --resume {tmp_path / 'run'}" in notes
    stopped = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert stopped["ending"] == "interrupted"
    again = torchrun("--resume", tmp_path / "run", "--quiet")
    steps = (tmp_path / "run" / "log.jsonl").stat().st_size
    while again.poll() is None and (tmp_path / "run" / "log.jsonl").stat().st_size == steps:
        pass
    again.send_signal(signal.SIGINT)
    assert again.communicate()[0] == ""
    later = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert later["step"] > stopped["step"]
