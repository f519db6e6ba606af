"""Runs of the program on a cluster of this machine, in processes that surely end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SLOW_ENCODER = """
import time
import numpy as np
import torch
from metaadapter.features import ModelEncoder


def preprocess(picture):
    pixels = np.array(picture.resize((8, 8)), dtype=np.float32)
    return torch.from_numpy(pixels).permute(2, 0, 1) / 255 - 0.5


class Slow(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(192, 24))

    def forward(self, batch):
        time.sleep(SECONDS)
        # One row at a time: what a batch holds must not change the last digit.
        return torch.stack([row.flatten() @ self.weight for row in batch])


def slow():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    texts = {name: rng.standard_normal(24) for name in ("heron", "stork")}
    return ModelEncoder("slow", Slow(), preprocess, device="cpu", texts=texts)
"""
# In the environment of all processes of a run.
MARK = "METAADAPTER_TEST_RUN"


class Run:
    """The program in a process of its own, and the processes that it starts."""

    def __init__(self, folder: Path, words: list[str], program: tuple[str, ...]) -> None:
        self.mark = uuid.uuid4().hex
        inherited = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
        self.process = subprocess.Popen(
            [sys.executable, *program, *words],
            cwd=folder,
            env={**inherited, MARK: self.mark},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def processes(self, title: str = "") -> list[int]:
        """Return the numbers of the processes of this run whose title begins so."""
        numbers = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                is_ours = f"{MARK}={self.mark}".encode() in (place / "environ").read_bytes()
                if is_ours and (place / "cmdline").read_bytes().startswith(title.encode()):
                    numbers.append(int(place.name))
            except OSError:
                continue
        return numbers

    def wait(self) -> tuple[int, str, str]:
        """Wait for the end; return the exit code and what was printed."""
        out, err = self.process.communicate()
        return self.process.returncode, out, err

    def end(self) -> None:
        """Kill all processes of the run, and those that they start meanwhile."""
        while numbers := self.processes():
            for number in numbers:
                try:
                    os.kill(number, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            self.process.wait()
        self.process.communicate()


def wait_until(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def kill_one(run, rng, title="ray::shard"):
    """Kill a worker that has a job; whether there was one."""
    workers = run.processes(title)
    if not workers:
        return False
    try:
        os.kill(rng.choice(workers), signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def start(tmp_path):
    """Starts the program in the folder of the test; at the end nothing of it runs."""
    pytest.importorskip("ray")
    if not Path("/proc/self/environ").exists():
        pytest.skip("needs /proc")
    runs = []

    def program(*words: object, program: tuple[str, ...] = ("-m", "metaadapter")) -> Run:
        runs.append(Run(tmp_path, [str(word) for word in words], program))
        return runs[-1]

    yield program
    for run in runs:
        run.end()


@pytest.fixture
def encoder(tmp_path):
    """Writes slow.py with an encoder that takes some seconds for a batch, and names it."""

    def write(seconds: float) -> str:
        (tmp_path / "slow.py").write_text(SLOW_ENCODER.replace("SECONDS", str(seconds)))
        return "slow.py:slow"

    return write


@pytest.fixture
def pictures(tmp_path):
    """Writes pictures of two classes, some twice, one unreadable."""

    def write(count: int) -> str:
        rng = np.random.default_rng(0)
        for number in range(count):
            path = tmp_path / "pictures" / ("heron", "stork")[number % 2] / f"{number:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = rng.integers(0, 56, (12, 14, 3)) + rng.integers(0, 200, 3)
            Image.fromarray(noise.astype(np.uint8)).save(path)
        heron = tmp_path / "pictures" / "heron"
        (heron / "copy.png").write_bytes((heron / "000.png").read_bytes())
        (heron / "broken.png").write_bytes(b"no picture")
        return "pictures"

    return write
