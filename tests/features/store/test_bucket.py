"""Pictures in a bucket of S3, on a server of this machine, have the features of the files."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from metaadapter.data.reader import read_images
from metaadapter.features.store.encode_to_store import encode_to_store
from metaadapter.features.store.feature_store import FeatureStore
from tests.remote_places import put_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

URL = "s3://bucket/pictures"
SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""
ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_DEFAULT_REGION": "us-east-1",
    # Files with other accounts of whoever runs the tests.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "NO_PROXY": "127.0.0.1",
}


@pytest.fixture
def s3(monkeypatch):
    """S3 is a server of this machine, which ends after the test."""
    pytest.importorskip("moto", reason="needs the dependency group bucket-server")
    s3fs = pytest.importorskip("s3fs", reason="needs the dependency group bucket-server")
    words = [sys.executable, "-c", SERVER]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        port = int(process.stdout.readline())
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        place = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
        for name, value in (ACCOUNT | place).items():
            monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        yield s3fs.S3FileSystem()
        s3fs.S3FileSystem.clear_instance_cache()
    finally:
        process.kill()
        process.communicate()


def test_encode__from_s3__has_the_features_of_the_files(s3, pictures, encode, encoder, tmp_path):
    (pictures / "heron" / "broken.png").write_bytes(b"no picture")
    s3.mkdir("bucket")
    put_folder(pictures, URL)

    encode("local")
    encode_to_store(read_images(URL), encoder, tmp_path / "remote")

    remote, local = (FeatureStore.open(tmp_path / name) for name in ("remote", "local"))
    np.testing.assert_allclose(remote.features, local.features, atol=1e-6)
    assert [path.replace(URL, str(pictures)) for path in remote.rows.of_pictures("path")] == [
        *local.rows.of_pictures("path")
    ]
    assert [one.path for one in remote.header.quarantined] == [f"{URL}/heron/broken.png"]
