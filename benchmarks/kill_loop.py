"""Kills `metaadapter encode` at random moments and compares the store with an unharmed one.

python -m benchmarks.kill_loop IMAGES [--encoder NAME] [--kills 20] [--views V] [--seed S]
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from metaadapter.features import FeatureStore

# float16 steps of a unit feature, plus what another batch changes in the last digits of float32.
TOLERANCE = 2e-3
PROGRAM = "import sys; from metaadapter.commands.app import main; sys.exit(main())"


def main() -> None:
    """Kill, go on, compare, and print the verdict; exit code 1 if anything was lost or doubled."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kill_loop")
    parser.add_argument("images", type=Path)
    parser.add_argument("--encoder", default="tiny", metavar="NAME")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--views", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    arguments = [str(options.images), "--encoder", options.encoder, "--views", str(options.views)]
    with tempfile.TemporaryDirectory() as folder:
        whole, killed = Path(folder, "whole"), Path(folder, "killed")
        process = _encode(arguments, whole)
        start = time.monotonic()
        process.wait()
        seconds = time.monotonic() - start
        print(f"unharmed run: {seconds:.1f} s of work")
        moments = random.Random(options.seed)
        faults = _kill_often(arguments, whole, killed, options.kills, seconds, moments)
    print("\n".join(faults) or "nothing lost, nothing doubled, equal features")
    sys.exit(1 if faults else 0)


def compare(whole: FeatureStore, killed: FeatureStore) -> list[str]:
    """What is wrong with the second store, in words."""
    expected, got = whole.rows.pictures(), killed.rows.pictures()
    faults = [f"lost: {picture.path}" for picture in sorted(set(expected) - set(got))]
    faults += [f"too many: {picture.path}" for picture in sorted(set(got) - set(expected))]
    if len(got) != len(set(got)):
        faults.append(f"{len(got) - len(set(got))} pictures are doubled")
    if not faults and got != expected:
        faults.append("the order differs")
    if not faults:
        difference = np.abs(whole.features.astype(float) - killed.features.astype(float)).max()
        if difference > TOLERANCE:
            faults.append(f"features differ by up to {difference:.4f}")
    return faults


def _kill_often(
    arguments: list[str],
    whole: Path,
    out: Path,
    n_kills: int,
    seconds: float,
    moments: random.Random,
) -> list[str]:
    """Kill runs at random moments of their work, and compare whenever one has ended before."""
    faults: list[str] = []
    n_killed = n_compared = 0
    while n_killed < n_kills or out.exists():
        process = _encode(arguments, out)
        try:
            process.wait(moments.uniform(0, seconds) if n_killed < n_kills else None)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            n_killed += 1
            print(f"kill {n_killed}: {_state(out)}", flush=True)
        else:
            n_compared += 1
            faults += compare(FeatureStore.open(whole), FeatureStore.open(out))
            shutil.rmtree(out)
    print(f"{n_killed} kills; {n_compared} stores that were completed after them compared")
    return faults


def _encode(arguments: list[str], out: Path) -> subprocess.Popen[bytes]:
    """Start a run and wait until its work begins, which is when it takes the lock."""
    lock = out / ".lock"
    lock.unlink(missing_ok=True)
    command = [sys.executable, "-c", PROGRAM, "encode", *arguments]
    process = subprocess.Popen([*command, "--out", str(out), "--quiet"], stdout=subprocess.DEVNULL)
    while not lock.exists() and process.poll() is None:
        time.sleep(0.01)
    return process


def _state(out: Path) -> str:
    if (out / "store.json").exists():
        return "the store is complete"
    return f"{len(list(out.glob('.partial/block-*.npy')))} blocks are kept"


if __name__ == "__main__":
    main()
