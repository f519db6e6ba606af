"""A command that is given again continues only what is still true; jobs run without Ray."""

from __future__ import annotations

import io
from contextlib import contextmanager, redirect_stdout

import pytest

from metaadapter.apps.cli.app import main
from metaadapter.apps.cluster import connection, jobs
from metaadapter.apps.cluster.connection import Cluster
from metaadapter.apps.cluster.parts import DONE, PARTS_FILE, PURPOSE
from metaadapter.data.db import Database
from metaadapter.features.store import merge
from metaadapter.workflow import prediction_shards
from metaadapter.workflow.labelled_pictures import Selection
from metaadapter.workflow.run_adapt import adapt


@pytest.fixture
def here(monkeypatch, tmp_path, pictures, encoder):
    """The folder of the test, with pictures and an encoder; jobs run in this process."""

    @contextmanager
    def connected(address, *, device):
        yield Cluster(slots=1, cpus=1, gpus=0)

    def run_jobs(some, cluster, finished):
        for job in some:
            output = io.StringIO()
            with redirect_stdout(output):
                job.work()
            finished(job, output.getvalue())
        return 0

    monkeypatch.setattr(connection, "connected", connected)
    monkeypatch.setattr(jobs, "run_jobs", run_jobs)
    monkeypatch.chdir(tmp_path)
    pictures(20)
    encoder(0)
    return tmp_path


def finished(folder, result):
    with Database(folder / f"{result}.parts" / PARTS_FILE, PURPOSE, writes=False) as parts:
        return parts.latest(DONE)


def interrupt(*_):
    raise KeyboardInterrupt


@pytest.fixture
def interrupted(here, monkeypatch):
    """Two adapters of other pictures, and the parts of predictions of the first, not yet merged."""
    for name, shots in (("adapter", 4), ("other", 1)):
        chosen = Selection(shots=shots)
        adapt("pictures", encoder="slow.py:slow", selection=chosen).save(name)

    with monkeypatch.context() as patch:
        patch.setattr(prediction_shards, "merge_predictions", interrupt)
        assert main(PREDICT) == 130
    assert finished(here, "table.csv")
    return here


PREDICT = ["predict", "adapter", "pictures", "--encoder", "slow.py:slow", "--shard", "ray"]
PREDICT += ["--out", "table.csv", "--quiet"]


def test_predict__the_adapter_has_changed__its_parts_are_made_again(interrupted):
    (interrupted / "adapter").rename(interrupted / "old")
    (interrupted / "other").rename(interrupted / "adapter")

    assert main(PREDICT) == 0

    alone = ["predict", "adapter", "pictures", "--encoder", "slow.py:slow", "--out", "alone.csv"]
    assert main(alone) == 0
    tables = [(interrupted / name).read_bytes() for name in ("table.csv", "alone.csv")]
    assert tables[0] == tables[1]


@pytest.fixture
def encoded(here, monkeypatch):
    """The parts of a store, not yet merged."""

    with monkeypatch.context() as patch:
        patch.setattr(merge, "merge_stores", interrupt)
        assert main(ENCODE) == 130
    return here


ENCODE = ["encode", "pictures", "--encoder", "slow.py:slow", "--quiet", "--out", "store"]
ENCODE += ["--shard", "ray"]


def test_encode__a_part_is_damaged__the_same_command_makes_it_again(encoded, capsys):
    rows = encoded / "store.parts" / "2" / "features-0001.npy"
    rows.write_bytes(rows.read_bytes()[:-1] + b"x")

    assert main(ENCODE) == 3

    error = capsys.readouterr().err
    assert f"{rows.relative_to(encoded)} is damaged" in error
    assert "store.parts/2: deleted" in error
    assert "1" in finished(encoded, "store")
    assert main(ENCODE) == 0
    assert not (encoded / "store.parts").exists()


def test_encode__settings_in_the_file_of_the_encoder_have_changed__parts_are_not_taken(
    here, monkeypatch, capsys
):
    looks = here / "looks.toml"
    command = [*ENCODE, "--encoder", looks.name]
    looks.write_text('encoder = "slow.py:slow"\n')
    with monkeypatch.context() as patch:
        patch.setattr(merge, "merge_stores", interrupt)
        assert main(command) == 130
    looks.write_text('encoder = "slow.py:slow"\nviews = 2\n')

    assert main(command) == 4

    assert "views=1, but views=2 was asked for" in capsys.readouterr().err
    assert not (here / "store").exists()


def test_predict__a_part_is_damaged__the_same_command_makes_it_again(interrupted, capsys):
    table = interrupted / "table.csv.parts" / "1.csv.db"
    table.write_bytes(table.read_bytes()[:-1])

    assert main(PREDICT) == 3

    assert "table.csv.parts/1.csv: deleted" in capsys.readouterr().err
    assert main(PREDICT) == 0
    assert not (interrupted / "table.csv.parts").exists()
