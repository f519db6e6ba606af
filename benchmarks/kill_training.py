"""Kills `metaadapter train` at random moments and compares the run with an unharmed one.

python -m benchmarks.kill_training [CONFIG] [--kills 10] [--steps N] [--seed S]
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from metaadapter.training.checkpoint import load_checkpoint

PROGRAM = "import sys; from metaadapter.commands.app import main; sys.exit(main())"
# Every source of randomness and every kind of loss that needs more than one prediction at work.
CHANGES = (
    *("validate.every=7", "validate.tasks=4"),
    *("loss.draws=0.1", "inner.steps=1", "inner.share=0.5"),
)


def main() -> None:
    """Kill, go on, compare, and print the verdict; exit code 1 if any bit differs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kill_training")
    parser.add_argument("config", type=Path, nargs="?", default="configs/train/quick.toml")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    new_run = [str(options.config), "--set", f"optim.steps={options.steps}"]
    new_run += [part for change in CHANGES for part in ("--set", change)]
    with tempfile.TemporaryDirectory() as folder:
        whole, killed = Path(folder, "whole"), Path(folder, "killed")
        process = _train(new_run, whole)
        start = time.monotonic()
        if process.wait():
            sys.exit(process.returncode)
        seconds = time.monotonic() - start
        print(f"unharmed run: {options.steps} steps, {seconds:.1f} s of work", flush=True)
        moments = random.Random(options.seed)
        faults = _kill_often(new_run, whole, killed, options.kills, seconds, moments)
    print("\n".join(faults) or "every weight, every moment and every logged figure the same")
    sys.exit(1 if faults else 0)


def compare(whole: Path, killed: Path) -> list[str]:
    """What differs in the second run, in words."""
    expected, got = (_tensors(run) for run in (whole, killed))
    faults = [f"missing or too many: {name}" for name in sorted(set(expected) ^ set(got))]
    shared = sorted(set(expected) & set(got))
    faults += [f"differs: {name}" for name in shared if expected[name] != got[name]]
    if (whole / "best" / "model.safetensors").read_bytes() != (
        killed / "best" / "model.safetensors"
    ).read_bytes():
        faults.append("differs: the best generator")
    if _figures(whole) != _figures(killed):
        faults.append("differs: the log")
    return faults


def _kill_often(
    new_run: list[str],
    whole: Path,
    run: Path,
    n_kills: int,
    seconds: float,
    moments: random.Random,
) -> list[str]:
    """Kill at random moments of the work, and compare whenever a run has ended before."""
    faults: list[str] = []
    n_killed = n_compared = 0
    while n_killed < n_kills or run.exists():
        process = _train(["--resume", str(run)] if run.exists() else new_run, run)
        moment = moments.uniform(0, seconds)
        try:
            code = process.wait(moment if n_killed < n_kills else None)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            n_killed += 1
            print(f"kill {n_killed}: after {moment:.1f} s; {_state(run)}", flush=True)
            continue
        if code:
            return [*faults, f"a killed run did not go on: exit code {code}"]
        n_compared += 1
        faults += compare(whole, run)
        shutil.rmtree(run)
    print(f"{n_killed} kills; {n_compared} runs that were completed compared")
    return faults


def _train(arguments: list[str], run: Path) -> subprocess.Popen[bytes]:
    """Start or go on, and wait until the work begins, which is when the log is opened."""
    log, command = run / "log.jsonl", [sys.executable, "-c", PROGRAM, "train", *arguments]
    if "--resume" not in arguments:
        command += ["--out", str(run)]
    before = _touched(log)
    process = subprocess.Popen([*command, "--device", "cpu", "--quiet"], stdout=subprocess.DEVNULL)
    while _touched(log) == before and process.poll() is None:
        time.sleep(0.01)
    return process


def _touched(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def _state(run: Path) -> str:
    if (run / "summary.json").exists():
        return "the run is complete"
    if not (run / "checkpoint.safetensors").exists():
        return "nothing is kept yet"
    return f"step {load_checkpoint(run / 'checkpoint.safetensors').values['step']} is kept"


def _tensors(run: Path) -> dict[str, bytes]:
    """Every tensor that the next step would depend on, as bytes: NaN equals NaN, −0 is not 0."""
    tensors = load_checkpoint(run / "checkpoint.safetensors").tensors
    return {
        f"{group}/{name}": tensor.numpy().tobytes()
        for group, members in tensors.items()
        for name, tensor in members.items()
    }


def _figures(run: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    times = ("seconds", "tasks_per_second")
    return [{key: line[key] for key in line if key not in times} for line in lines]


if __name__ == "__main__":
    main()
