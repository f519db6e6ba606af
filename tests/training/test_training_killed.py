from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from metaadapter.training.run import train
from metaadapter.training.run_folder import load_checkpoint

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("train_slowly.py")


@pytest.fixture(autouse=True)
def _one_thread():
    """One thread, as in the other program."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def kill_after(run: Path, step: int, *config: Path) -> None:
    """Train, a new run from its configuration, and kill it as soon as it prints the step."""
    command = [sys.executable, str(PROGRAM), str(run), *map(str, config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) >= step:
                break
        process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="no kill -9 there")
def test_train__killed_and_resumed__has_the_weights_of_an_uninterrupted_run(
    start, tmp_path, config_file, load
):
    killed, config = tmp_path / "killed", load()
    kill_after(killed, 5, config_file)
    at = load_checkpoint(killed / "checkpoint.json").values["step"]
    kill_after(killed, 7)

    resumed = train(killed, config, device="cpu")

    whole, _, uninterrupted = start("whole")
    assert 4 <= at < 8
    assert resumed.best == uninterrupted.best
    ends = [load_checkpoint(run / "checkpoint.json") for run in (killed, whole)]
    torch.testing.assert_close(ends[0].tensors, ends[1].tensors, rtol=1e-5, atol=1e-6)
    figures = [figures_without_time(run / "log.jsonl") for run in (killed, whole)]
    assert [line["step"] for line in figures[0]] == list(range(9))
    assert figures[0] == figures[1]


def figures_without_time(log: Path) -> list[dict]:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    times = ("seconds", "tasks_per_second")
    return [{key: line[key] for key in line if key not in times} for line in lines]
