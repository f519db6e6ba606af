"""`metaadapter predict --shard ray` on a cluster whose workers and driver are killed."""

from __future__ import annotations

import json
import random
import time

import pytest

from tests.apps.cluster.conftest import kill_one, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

N_PICTURES, N_KILLS = 500, 5


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_predict__workers_and_driver_are_killed__the_table_is_that_of_one_process(
    ending, start, pictures, encoder, tmp_path
):
    rng = random.Random(0)
    words = pictures(N_PICTURES), "--encoder", encoder(0)
    assert start("adapt", *words, "--out", "adapter").wait()[0] == 0
    predict = "predict", "adapter", *words
    assert start(*predict, "--out", f"alone.{ending}").wait()[0] == 0
    encoder(0.2)
    on_ray = *predict, "--out", f"table.{ending}", "--json", "--shard", "ray@local"
    run = start(*on_ray)
    n_kills = 0
    while run.process.poll() is None and n_kills < N_KILLS:
        n_kills += kill_one(run, rng)
        time.sleep(rng.uniform(0.5, 4))
    wait_until(
        lambda: list(tmp_path.glob(f"*.parts/[0-9]*.{ending}")) or run.process.poll() is not None
    )
    run.process.kill()
    wait_until(lambda: not run.processes())

    code, out, err = start(*on_ray).wait()

    assert code == 0, (out, err)
    document = json.loads(out)
    assert document["n_rows"] == N_PICTURES + 2
    assert document["statuses"] == {"done": N_PICTURES, "duplicate": 1, "unreadable": 1}
    table, alone = (tmp_path / f"{name}.{ending}" for name in ("table", "alone"))
    assert table.read_bytes() == alone.read_bytes()
    assert not list(tmp_path.glob("table.*.parts"))
