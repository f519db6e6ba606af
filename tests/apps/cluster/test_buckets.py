"""Pictures in a bucket of S3 are encoded and predicted, by one process and on a cluster."""

from __future__ import annotations

import numpy as np
import pytest

from metaadapter.features.store.feature_store import FeatureStore
from tests.apps.cluster.bucket import bucket_server
from tests.remote_places import put_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

N_PICTURES = 60
URL = "s3://bucket/pictures"


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

    remote, local = (FeatureStore.open(tmp_path / name) for name in ("remote", "local"))
    np.testing.assert_allclose(remote.features, local.features, atol=1e-6)
    assert [path.replace(URL, "pictures") for path in remote.rows.of_pictures("path")] == [
        *local.rows.of_pictures("path")
    ]
    assert [one.path for one in remote.header.quarantined] == [f"{URL}/heron/broken.png"]
