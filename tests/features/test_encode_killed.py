from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from metaadapter.features.store.encode_to_store import encode_to_store
from metaadapter.features.store.feature_store import FeatureStore

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("encode_slowly.py")
N_PICTURES, N_KILLS = 60, 4


def start(pictures: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(PROGRAM), str(pictures), str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def kill_at(process: subprocess.Popen[str], n_batches: int, seconds: float) -> None:
    with process:
        for _ in range(n_batches):
            assert process.stdout.readline() == "batch\n"
        time.sleep(seconds)
        process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="no kill -9 there")
def test_encode__killed_at_random_moments__loses_and_doubles_nothing(
    tmp_path, encoder, read_table, write_many
):
    pictures, out = tmp_path / "pictures", tmp_path / "store"
    write_many(pictures, N_PICTURES)
    moments = random.Random(0)
    for _ in range(N_KILLS):
        kill_at(start(pictures, out), moments.randint(3, 6), moments.uniform(0, 0.04))
    killed_before_the_end = not (out / "store.json").exists()

    printed, _ = start(pictures, out).communicate()

    encode_to_store(read_table(pictures), encoder, tmp_path / "uninterrupted", views=2)
    killed, whole = FeatureStore.open(out), FeatureStore.open(tmp_path / "uninterrupted")
    assert killed_before_the_end
    assert 0 < int(printed.split()[-1]) < N_PICTURES
    assert killed.rows.pictures() == whole.rows.pictures()
    np.testing.assert_array_equal(killed.features, whole.features)
    assert {path.name for path in out.iterdir()} == {
        ".lock",
        "store.json",
        *killed.header.files.values(),
    }
