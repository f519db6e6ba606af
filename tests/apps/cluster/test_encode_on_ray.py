"""`metaadapter encode --shard ray` on a cluster of two workers, which are killed."""

from __future__ import annotations

import json
import random
import re
import time
from pathlib import Path

import numpy as np
import pytest

from metaadapter.apps.cluster.jobs import RESTARTS
from metaadapter.features.store.feature_store import FeatureStore
from tests.apps.cluster.conftest import kill_one, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ON_RAY = ("--shard", "ray@local")
N_PICTURES = 160


@pytest.fixture
def alone(start, pictures, encoder, tmp_path):
    """tmp_path/alone: the store of one process."""
    words = pictures(N_PICTURES), "--encoder", encoder(0)
    assert start("encode", *words, "--out", "alone").wait()[0] == 0
    return tmp_path / "alone"


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_encode__workers_are_killed__the_store_is_that_of_one_process(
    seed, start, encoder, alone, tmp_path
):
    rng, n_kills = random.Random(seed), 0
    words = "pictures", "--encoder", encoder(0.4), "--out", "store", "--json"
    run = start("encode", *words, *ON_RAY)

    # At most as often as a single job may be lost; a process needs some seconds to begin.
    while run.process.poll() is None and n_kills < RESTARTS:
        n_kills += kill_one(run, rng)
        time.sleep(rng.uniform(0.5, 4))
    code, out, err = run.wait()

    assert code == 0, (out, err)
    assert json.loads(out)["n_total"] == N_PICTURES + 1
    # A job may have ended between the look at its process and the signal.
    (n_lost,) = re.findall(r"(\d+) time\(s\) a process or machine was lost", err)
    assert 1 <= int(n_lost) <= n_kills
    store, expected = FeatureStore.open(tmp_path / "store"), FeatureStore.open(alone)
    assert store.rows.pictures() == expected.rows.pictures()
    np.testing.assert_allclose(store.features, expected.features, atol=1e-6)
    assert not (tmp_path / "store.parts").exists()
    assert not run.processes()


def listening(processes):
    """The addresses on which TCP sockets of these processes listen, in hexadecimal."""
    addresses = set()
    for number in processes:
        process = Path("/proc", str(number))
        try:
            sockets = {
                re.sub(r"\D", "", str(link.readlink())) for link in (process / "fd").iterdir()
            }
            tables = [(process / "net" / name).read_text() for name in ("tcp", "tcp6")]
        except OSError:  # the process has ended
            continue
        columns = [row.split() for table in tables for row in table.splitlines()]
        addresses |= {c[1].split(":")[0] for c in columns if c[3] == "0A" and c[9] in sockets}
    return addresses


def test_encode__cluster_of_this_machine__listens_on_the_loopback_alone(start, encoder, pictures):
    words = pictures(N_PICTURES), "--encoder", encoder(0.4), "--out", "store", "--shard", "ray"
    run = start("encode", *words)
    wait_until(lambda: run.processes("ray::shard"))

    addresses = listening(run.processes())

    assert addresses
    assert addresses <= {"0100007F", "0000000000000000FFFF00000100007F", f"{'0' * 24}01000000"}
