"""Pictures in a bucket of S3 are encoded and predicted, by one process and on a cluster."""

from __future__ import annotations

import random
import re
import time

import pytest

from metaadapter.apps.cluster.jobs import RESTARTS
from tests.apps.cluster.bucket import bucket_server
from tests.apps.cluster.conftest import kill_one
from tests.remote_places import put_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

N_PICTURES = 60
URL = "s3://bucket/pictures"
ON_RAY = ("--engine", "ray", "--address", "local")


@pytest.fixture
def bucket(pictures, tmp_path, monkeypatch):
    """A bucket that has the pictures at `URL`; they are also in the folder of the test."""
    pytest.importorskip("moto", reason="needs the dependency group bucket-server")
    s3fs = pytest.importorskip("s3fs", reason="needs the dependency group bucket-server")
    pictures(N_PICTURES)
    with bucket_server() as environment:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir("bucket")
        put_folder(tmp_path / "pictures", URL)
        yield
    s3fs.S3FileSystem.clear_instance_cache()


def test_encode__from_s3__has_the_features_of_the_files(bucket, start, encoder, tmp_path):
    for source, store in ((URL, "remote"), ("pictures", "local")):
        words = source, "--out", store, "--encoder", encoder(0)
        assert start("encode", *words).wait()[0] == 0

    features = [(tmp_path / s / "features-0001.npy").read_bytes() for s in ("remote", "local")]
    assert features[0] == features[1]
    remote, local = ((tmp_path / s / "inputs-0001.csv").read_text() for s in ("remote", "local"))
    assert remote.replace(URL, "pictures") == local
    assert f"{URL}/heron/broken.png,unreadable" in remote


def test_ray__from_s3_with_killed_workers__is_that_of_one_process(
    bucket, start, encoder, same_files, tmp_path
):
    words = URL, "--encoder", encoder(0)
    assert start("encode", *words, "--out", "alone").wait()[0] == 0
    rng, n_kills = random.Random(0), 0
    run = start("encode", URL, "--encoder", encoder(0.4), "--out", "store", "--shards", 4, *ON_RAY)
    while run.process.poll() is None and n_kills < RESTARTS:
        n_kills += kill_one(run, rng)
        time.sleep(rng.uniform(0.5, 4))

    code, out, err = run.wait()

    assert code == 0, (out, err)
    assert re.search(r"\d+ time\(s\) a process or machine was lost", err)
    same_files(tmp_path / "store", tmp_path / "alone")
    encoder(0)
    assert start("adapt", *words, "--out", "adapter").wait()[0] == 0
    predict = "predict", "adapter", URL, "--encoder", "slow.py:slow", "--out"
    assert start(*predict, "alone.csv").wait()[0] == 0
    assert start(*predict, "cluster.csv", "--shards", 2, *ON_RAY).wait()[0] == 0
    tables = [(tmp_path / name).read_bytes() for name in ("alone.csv", "cluster.csv")]
    assert tables[0] == tables[1]
    assert f"{URL}/heron/000.png".encode() in tables[0]


def test_encode__of_a_bucket_or_picture_that_is_not_there__says_so(bucket, start, tmp_path):
    code, _, err = start("encode", "s3://other/pictures", "--out", "store").wait()
    assert code == 3
    assert "there is no file or folder s3://other/pictures; correct the URL" in err
    (tmp_path / "list.csv").write_text(
        f"path,label\n{URL}/heron/000.png,heron\n{URL}/stork/none.png,stork\n"
    )

    assert start("encode", "list.csv", "--out", "store", "--no-labels").wait()[0] == 0

    inputs = (tmp_path / "store/inputs-0001.csv").read_text()
    assert f"{URL}/stork/none.png,unreadable,there is no such file" in inputs
