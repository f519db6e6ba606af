"""Trial of the figures of many machines: python tools/trials/many_machines.py PICTURES.

Encodes a folder by one process and on a Ray cluster of this machine, in turn, and merges stores of
random features.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.merge import merge_stores

PAIRS, ROWS, WIDTH = 2, 25_000, 512
ON_RAY = ("--engine", "ray", "--address", "local", "--shards", "2")


def seconds(pictures: Path, out: Path, *more: str) -> float:
    command = [sys.executable, "-m", "metaadapter", "encode", str(pictures), "--out", str(out)]
    started = time.monotonic()
    subprocess.run([*command, *more], check=True, capture_output=True)
    return time.monotonic() - started


def merge_rate(folder: Path) -> float:
    """Pictures a second of processor time, in the merge of four stores."""
    rng = np.random.default_rng(0)
    parts = [folder / str(number) for number in range(4)]
    for part in parts:
        FeatureStore.create(
            part,
            rng.standard_normal((ROWS, WIDTH)).astype(np.float16),
            [f"class {row % 100}" for row in range(ROWS)],
            paths=[f"photos/{part.name}/{row}.jpg" for row in range(ROWS)],
            encoder="random",
        )
    started = time.process_time()
    merge_stores(parts, folder / "whole")
    return len(parts) * ROWS / (time.process_time() - started)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        folder, pictures = Path(name), Path(sys.argv[1])
        print("merge: pictures a second of processor time", round(merge_rate(folder)), flush=True)
        for pair in range(PAIRS):
            alone = seconds(pictures, folder / f"alone {pair}")
            on_ray = seconds(pictures, folder / f"ray {pair}", *ON_RAY)
            print(f"one process {alone:.0f} s, two Ray workers {on_ray:.0f} s", flush=True)
