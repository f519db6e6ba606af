from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from metaadapter.training import train
from metaadapter.training.checkpoint import load_checkpoint

PROGRAM = Path(__file__).with_name("train_slowly.py")


def kill_after(run: Path, step: int) -> None:
    """Start training and kill it, without warning, as soon as it has told of the step."""
    command = [sys.executable, str(PROGRAM), str(run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) >= step:
                break
        process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="no kill -9 there")
def test_train__killed_and_resumed__has_the_weights_of_an_uninterrupted_run(start):
    killed, config = start("killed")
    whole, _ = start("whole")
    kill_after(killed, 4)
    at = load_checkpoint(killed / "checkpoint.safetensors").values["step"]
    kill_after(killed, 7)

    resumed = train(killed, config, device="cpu")

    uninterrupted = train(whole, config, device="cpu")
    assert 3 <= at < 8
    assert resumed.best == uninterrupted.best
    ends = [load_checkpoint(run / "checkpoint.safetensors") for run in (killed, whole)]
    torch.testing.assert_close(ends[0].tensors, ends[1].tensors, rtol=0, atol=0)
    figures = [figures_without_time(run / "log.jsonl") for run in (killed, whole)]
    assert [line["step"] for line in figures[0]] == list(range(9))
    assert figures[0] == figures[1]


def figures_without_time(log: Path) -> list[dict]:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    times = ("seconds", "tasks_per_second")
    return [{key: line[key] for key in line if key not in times} for line in lines]


def test_train__killed_before_the_first_checkpoint__begins_anew(start):
    folder, config = start("run")
    whole = train(folder, config, device="cpu")
    figures = figures_without_time(folder / "log.jsonl")
    (folder / "checkpoint.safetensors").unlink()

    again = train(folder, config, device="cpu")

    assert again.generator == whole.generator
    assert figures_without_time(folder / "log.jsonl") == figures
