from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from metaadapter.workflow.prediction.prediction_shards import merge_predictions

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform == "win32", reason="no fork and no kill -9 there"),
]

PROGRAM = Path(__file__).with_name("kill_predictions.py")
N_KILLS = 12


@pytest.fixture
def sources(unlabelled, store_of, tmp_path):
    """A store of six pictures, and a folder with copies of them and pictures that are broken."""
    folder = tmp_path / "pictures"
    for number in range(4):
        shutil.copytree(unlabelled, folder / str(number))
        (folder / str(number) / "k.png").write_bytes(b"no picture")
    return [store_of(unlabelled), folder]


def predict_and_kill(out, seed, *arguments, n_kills=N_KILLS, shard=False):
    command = [
        sys.executable,
        str(PROGRAM),
        str(out),
        str(n_kills),
        str(seed),
        *map(str, arguments),
    ]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    _, n_resumed = map(int, done.stdout.split()[-2:])
    assert n_resumed >= n_kills // 4
    whole = out.with_name(f"whole-{out.name}")
    assert out.read_bytes() == whole.read_bytes()
    assert shard or not out.with_name(f"{out.name}.db").exists()
    return whole


@pytest.mark.parametrize("kind", [".csv", ".parquet"])
def test_predict__killed_at_random_moments__loses_and_doubles_nothing(
    adapter, sources, tmp_path, kind
):
    out = tmp_path / "out"
    out.mkdir()

    whole = predict_and_kill(out / f"all{kind}", 0, adapter, *sources)

    shards = [out / f"{number}{kind}" for number in (1, 2, 3)]
    for number, shard in enumerate(shards, start=1):
        more = ("--shard", f"{number}/3")
        predict_and_kill(shard, number, adapter, *sources, *more, n_kills=N_KILLS // 3, shard=True)
    merged = merge_predictions(shards, out / f"merged{kind}")
    assert (out / f"merged{kind}").read_bytes() == whole.read_bytes()
    assert merged.statuses == {"done": 30, "unreadable": 4}
