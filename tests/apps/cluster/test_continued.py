"""A command that is given again continues only what is still true; jobs run without Ray."""

from __future__ import annotations

import io
from contextlib import contextmanager, redirect_stdout

import pytest

from metaadapter.apps.cli.app import main
from metaadapter.apps.cluster import connection, jobs
from metaadapter.apps.cluster.connection import Cluster
from metaadapter.workflow import prediction_shards


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


@pytest.fixture
def interrupted(here, monkeypatch):
    """Two adapters of other pictures, and the parts of predictions of the first, not yet merged."""
    for name, shots in (("adapter", 4), ("other", 1)):
        adapt = ["adapt", "pictures", "--encoder", "slow.py:slow", "--shots", str(shots)]
        assert main([*adapt, "--out", name]) == 0

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(prediction_shards, "merge_predictions", stop)
        assert main(PREDICT) == 130
    assert [*here.glob("table.csv.parts/*.done")]
    return here


PREDICT = ["predict", "adapter", "pictures", "--encoder", "slow.py:slow", "--engine", "ray"]
PREDICT += ["--out", "table.csv", "--quiet"]


def test_predict__the_adapter_has_changed__its_parts_are_made_again(interrupted):
    (interrupted / "adapter").rename(interrupted / "old")
    (interrupted / "other").rename(interrupted / "adapter")

    assert main(PREDICT) == 0

    alone = ["predict", "adapter", "pictures", "--encoder", "slow.py:slow", "--out", "alone.csv"]
    assert main(alone) == 0
    tables = [(interrupted / name).read_bytes() for name in ("table.csv", "alone.csv")]
    assert tables[0] == tables[1]
