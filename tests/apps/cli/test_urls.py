"""Pictures that are named by URLs, in every way in which they are encoded and predicted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from metaadapter.features.store import kept_features
from metaadapter.features.store.feature_store import FeatureStore
from tests.remote_places import TroubledFileSystem, put_folder

URL = "troubled://bucket/pictures"


@pytest.fixture
def remote(pictures) -> type[TroubledFileSystem]:
    """A remote place that has the labelled pictures and one damaged at `URL`."""
    TroubledFileSystem.empty()
    (pictures / "lynx" / "broken.png").write_bytes(b"no picture")
    put_folder(pictures, URL)
    return TroubledFileSystem


def named_as_on_a_drive(table: Path, folder: Path) -> str:
    return table.read_text().replace(URL, str(folder))


def test_encode__by_url__has_the_features_of_the_files_under_their_urls(
    encode, pictures, remote, tmp_path
):
    stores = []
    for source, name in ((URL, "remote"), (pictures, "local"), (f"file://{pictures}", "file")):
        assert encode(source, out=tmp_path / name).code == 0
        stores.append(FeatureStore.open(tmp_path / name))

    for store in stores[1:]:
        assert (store.by_picture()[:] == stores[0].by_picture()[:]).all()
        hashes = [store.rows.of_pictures("sha256").tolist() for store in (store, stores[0])]
        assert hashes[0] == hashes[1]
    paths = [picture.path for picture in stores[0].rows.pictures()]
    assert paths[0] == f"{URL}/heron/0.png"
    assert all(path.startswith(f"{URL}/") for path in paths)
    assert [one.path for one in stores[0].header.quarantined] == [f"{URL}/lynx/broken.png"]


def test_encode__the_network_fails__no_picture_is_unreadable_and_the_run_continues(
    encode, remote, tmp_path, monkeypatch
):
    monkeypatch.setattr(kept_features, "COMMIT_SECONDS", 0)
    encode(URL, "--batch-size", "2", "--workers", "1", out=tmp_path / "whole")
    remote.faults["red_fox/1.png"] = ConnectionError("reset by peer")

    failed = encode(URL, "--batch-size", "2", "--workers", "1")

    assert failed.code == 3
    assert f"{URL}/red_fox/1.png: its place does not answer (reset by peer)" in failed.err
    assert "check the connection and the account, then run the same command again" in failed.err
    assert not (tmp_path / "store/store.json").exists()
    remote.faults.clear()
    document = encode(URL, "--batch-size", "2", "--workers", "1", "--json").document
    assert document["n_new"] < document["n_total"] == 9
    assert [name.rpartition("/")[2] for name, _ in quarantined(document)] == ["broken.png"]
    store, whole = (FeatureStore.open(tmp_path / name) for name in ("store", "whole"))
    assert store.rows.pictures() == whole.rows.pictures()
    np.testing.assert_array_equal(store.features, whole.features)


def quarantined(document):
    return [(entry["path"], entry["reason"]) for entry in document["quarantined"]]


def test_predict__by_url__is_that_of_the_files_alone_and_in_shards(
    run, adapter, encoder, pictures, remote, tmp_path, monkeypatch
):
    monkeypatch.setattr("metaadapter.workflow.prediction.query_parts.PICTURES_AT_ONCE", 4)
    predict = ["predict", adapter]
    for source, name in ((URL, "remote"), (pictures, "local")):
        assert run(*predict, source, "--out", tmp_path / f"{name}.csv").code == 0
    for number in (1, 2):
        part = tmp_path / f"part-{number}.csv"
        assert run(*predict, URL, "--shard", f"{number}/2", "--out", part).code == 0
    parts = [tmp_path / f"part-{number}.csv" for number in (1, 2)]
    assert run("merge", *parts, "--out", tmp_path / "merged.csv").code == 0

    one = run(*predict, f"{URL}/heron/0.png", "--json").document["predictions"]
    assert [row["path"] for row in one] == [f"{URL}/heron/0.png"]
    local = (tmp_path / "local.csv").read_text()
    assert named_as_on_a_drive(tmp_path / "remote.csv", pictures) == local
    assert (tmp_path / "merged.csv").read_bytes() == (tmp_path / "remote.csv").read_bytes()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("encode pictures --out s3://b/store", "--out s3://b/store is no place on a drive; write"),
        ("predict s3://b/adapter pictures", "ADAPTER s3://b/adapter is no place on a drive; only"),
        ("predict a pictures --out s3://b/a.csv", "--out s3://b/a.csv is no place on a drive"),
        ("adapt pictures --out gs://b/a.adapter", "--out gs://b/a.adapter is no place on a drive"),
        ("merge s3://b/p1 s3://b/p2 --out o", "s3://b/p1 is no place on a drive; only `encode`"),
    ],
)
def test_command__a_url_where_a_file_is_needed__is_refused(command, message, run):
    result = run(*command.split())

    assert result.code == 2
    assert message in " ".join(result.err.split())


def test_predict__a_store_by_url__says_to_copy_it(run, adapter, remote):
    remote().pipe(f"{URL}/store/store.json", b"{}")

    result = run("predict", adapter, f"{URL}/store")

    assert result.code == 2
    assert "copy it to one" in result.err
