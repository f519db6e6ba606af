"""`metaadapter encode --engine ray` on a cluster of two workers, which are killed."""

from __future__ import annotations

import json
import random
import re
import signal
import time
from pathlib import Path

import pytest

from metaadapter.apps.cluster.jobs import RESTARTS
from tests.apps.cluster.conftest import kill_one, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ON_RAY = ("--engine", "ray", "--address", "local")
N_PICTURES = 160


@pytest.fixture
def alone(start, pictures, encoder, tmp_path):
    """tmp_path/alone: the store of one process."""
    words = pictures(N_PICTURES), "--encoder", encoder(0)
    assert start("encode", *words, "--out", "alone").wait()[0] == 0
    return tmp_path / "alone"


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_encode__workers_are_killed__the_store_is_that_of_one_process(
    seed, start, encoder, alone, same_files, tmp_path
):
    rng, n_kills = random.Random(seed), 0
    words = "pictures", "--encoder", encoder(0.4), "--out", "store", "--shards", 6, "--json"
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
    same_files(tmp_path / "store", alone)
    assert not (tmp_path / "store.parts").exists()
    assert not run.processes()


def test_encode__driver_is_killed__finished_shards_are_not_done_again(
    start, encoder, alone, same_files, tmp_path
):
    words = "pictures", "--encoder", encoder(0.3), "--out", "store", "--json", *ON_RAY
    run = start("encode", *words, "--shards", 8)
    finished = lambda: len(list((tmp_path / "store.parts").glob("*.done")))  # noqa: E731
    wait_until(lambda: finished() >= 3)
    run.process.kill()
    wait_until(lambda: not run.processes())

    code, out, err = start("encode", *words).wait()

    document = json.loads(out)
    assert code == 0, err
    assert 0 < document["n_new"] < N_PICTURES - 3 * (N_PICTURES // 8 - 2)
    assert document["n_new"] + document["n_reused"] == N_PICTURES + 1
    same_files(tmp_path / "store", alone)


def test_encode__ctrl_c__ends_the_jobs_and_the_same_command_continues(
    start, encoder, alone, same_files, tmp_path
):
    # Long jobs: the signal must come before the last one ends, also on a busy machine.
    words = "pictures", "--encoder", encoder(2), "--out", "store", "--shards", 12, *ON_RAY
    run = start("encode", *words)
    wait_until(lambda: any((tmp_path / "store.parts").glob("*.done")))
    run.process.send_signal(signal.SIGINT)
    code, _, err = run.wait()

    assert code == 130
    assert "the pictures encoded so far are kept" in err
    wait_until(lambda: not run.processes())
    encoder(0)
    assert start("encode", *words).wait()[0] == 0
    same_files(tmp_path / "store", alone)


def test_encode__an_error_that_comes_again__is_told_once(start, pictures, tmp_path):
    (tmp_path / "own.py").write_text(
        "from pathlib import Path\n"
        "from metaadapter.errors import DataError\n"
        "def make():\n"
        "    with Path('calls').open('a') as file:\n"
        "        file.write('x')\n"
        "    raise DataError('these weights are for another day')\n"
    )
    words = pictures(12), "--encoder", "own.py:make", "--out", "store", "--shards", 2

    code, out, err = start("encode", *words, *ON_RAY).wait()

    assert (code, out) == (3, "")
    assert err.count("these weights are for another day") == 1
    assert "shard" in err
    assert len((tmp_path / "calls").read_text()) <= 2  # once for each worker


def test_encode__a_picture_that_ends_the_process__is_not_tried_for_ever(
    start, pictures, tmp_path, monkeypatch
):
    (tmp_path / "own.py").write_text("import os\ndef make():\n    os._exit(1)\n")
    words = pictures(4), "--encoder", "own.py:make", "--out", "store", "--shards", 1

    code, _, err = start("encode", *words, *ON_RAY).wait()

    assert code == 3
    assert f"began {RESTARTS + 1} times, and each time its process was lost" in err


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
    words = pictures(N_PICTURES), "--encoder", encoder(0.4), "--out", "store", "--engine", "ray"
    run = start("encode", *words)
    wait_until(lambda: run.processes("ray::shard"))

    addresses = listening(run.processes())

    assert addresses
    assert addresses <= {"0100007F", "0000000000000000FFFF00000100007F", f"{'0' * 24}01000000"}


def test_encode__no_cluster_at_the_address__is_told(start, pictures):
    words = pictures(4), "--out", "store", "--engine", "ray", "--address", "127.0.0.1:1"

    code, _, err = start("encode", *words).wait()

    assert code == 3
    assert "no Ray cluster answers at 127.0.0.1:1" in err


def test_encode__a_machine_is_lost__the_store_is_that_of_one_process(
    start, encoder, alone, same_files, tmp_path
):
    machines = start(program=(str(Path(__file__).with_name("two_machines.py")),))
    address = machines.process.stdout.readline().strip()
    words = "pictures", "--encoder", encoder(0.6), "--out", "store", "--shards", 4
    run = start("encode", *words, "--engine", "ray", "--address", address)
    wait_until(lambda: len(machines.processes("ray::shard")) == 2)
    time.sleep(5)
    machines.process.stdin.write("\n")
    machines.process.stdin.flush()
    assert machines.process.stdout.readline() == "lost\n"

    code, out, err = run.wait()

    assert code == 0, (out, err)
    assert "a process or machine was lost" in err
    same_files(tmp_path / "store", alone)
