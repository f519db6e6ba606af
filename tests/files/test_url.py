from __future__ import annotations

import errno
import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from metaadapter.data.decode import content_hash, decode_image, upright_size
from metaadapter.data.reader import read_images
from metaadapter.files.machine_errors import is_shortage, machine_error
from metaadapter.files.url import Url, as_place
from tests.remote_places import TroubledFileSystem, put_folder

URLS = ["s3://bucket/red fox/1#2.png", "gs://bucket", "memory://a/b.png", "file:///tmp/a.png"]


@pytest.fixture
def remote() -> type[TroubledFileSystem]:
    """An empty remote place; its URLs begin with troubled://."""
    TroubledFileSystem.empty()
    return TroubledFileSystem


@pytest.fixture
def folder(tmp_path, remote) -> Path:
    """A folder with classes in splits, which is also at troubled://photos."""
    rng = np.random.default_rng(0)
    for name in ("train/fox/2", "train/fox/10", "train/lynx/deep/1", "test/fox/3", "test/lynx/4"):
        path = tmp_path / "photos" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)).save(path)
    (tmp_path / "photos/train/fox/class.txt").write_text("a red animal\n")
    (tmp_path / "photos/train/fox/notes.txt").write_text("no picture")
    put_folder(tmp_path / "photos", "troubled://photos")
    return tmp_path / "photos"


def facts_of(table, folder):
    facts = [
        (os.fspath(row.path).removeprefix(folder), row.label, row.split, content_hash(row.picture))
        for row in table.rows
    ]
    return facts, table.source, dict(table.descriptions), len(table.warnings)


@pytest.mark.parametrize("text", URLS)
def test_url__as_text__keeps_its_slashes_through_all_that_paths_do(text):
    url = as_place(text)

    assert isinstance(url, Url)
    assert (str(url), os.fspath(url), f"{url}") == (text, text, text)
    assert as_place(Path(text)) == url  # as typer passes it on
    assert as_place(url) is url
    assert pickle.loads(pickle.dumps(url)) == url
    assert hash(pickle.loads(pickle.dumps(url))) == hash(url)
    inner = url / "deep" / "x.jpg"
    assert str(inner) == f"{text}/deep/x.jpg"
    assert (inner.name, inner.suffix, inner.parent.parent) == ("x.jpg", ".jpg", url)
    assert inner.relative_to(url).parts == ("deep", "x.jpg")
    assert inner.absolute() is inner.resolve() is inner.expanduser() is inner


@pytest.mark.parametrize("text", ["photos", "/tmp/a.png", "a:b/c", "C:/photos", "x/s3://y", "://"])
def test_as_place__of_a_path__is_a_path(text):
    assert not isinstance(as_place(text), Url)
    assert as_place(text) == Path(text)


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("split", ["train", "all"])
def test_folder__by_url__is_listed_as_on_a_drive(folder, labelled, split):
    tables = [
        read_images(place, labelled=labelled, split=split)
        for place in (folder, "troubled://photos", f"file://{folder}")
    ]

    expected = facts_of(tables[0], str(folder))
    assert facts_of(tables[1], "troubled://photos") == expected
    assert facts_of(tables[2], f"file://{folder}") == expected


@pytest.mark.parametrize("at", ["remote", "drive"])
def test_manifest__of_urls__reads_them_beside_relative_paths(folder, remote, tmp_path, at):
    lines = ["path,label", "troubled://photos/train/fox/2.png,fox", "test/lynx/4.png,lynx"]
    if at == "remote":
        remote().pipe("troubled://photos/list.csv", "\n".join(lines).encode())
        table = read_images("troubled://photos/list.csv")
        second = "troubled://photos/test/lynx/4.png"
    else:
        (folder / "list.csv").write_text("\n".join(lines))
        table = read_images(folder / "list.csv")
        second = str(folder / "test/lynx/4.png")

    assert [str(row.path) for row in table.rows] == ["troubled://photos/train/fox/2.png", second]
    hashes = [content_hash(row.picture) for row in table.rows]
    assert hashes == [
        content_hash(folder / name) for name in ("train/fox/2.png", "test/lynx/4.png")
    ]


def test_open__read_and_seek__are_those_of_a_file(remote, monkeypatch):
    content = np.random.default_rng(0).bytes(3_000_000)
    remote().pipe("troubled://a/large", content)
    remote().pipe("troubled://a/empty", b"")
    opened, expected = as_place("troubled://a/large").open("rb"), io.BytesIO(content)

    with opened:
        for offset, whence, length in [(5, 0, 7), (-9, 2, 20), (-3, 1, 4), (100, 0, 2_500_000)]:
            assert opened.seek(offset, whence) == expected.seek(offset, whence)
            assert opened.read(length) == expected.read(length)
        assert opened.read() == expected.read()
        assert opened.read() == b""
    assert as_place("troubled://a/empty").read_bytes() == b""
    remote.faults["empty"] = OSError(errno.EINVAL, "The requested range is not satisfiable")
    monkeypatch.setattr(remote, "size", lambda *_: 0)  # no request that fails
    assert as_place("troubled://a/empty").read_range(0, 100) == b""
    with pytest.raises(io.UnsupportedOperation):
        as_place("troubled://a/large").open("wb")


class Refused(Exception):
    """Has the code of an answer of S3."""

    def __init__(self, code):
        self.response = {"Error": {"Code": code}}


class Answered(Exception):
    """Has the answer of a server as packages of other places keep it."""

    response = object()


def caused(error, cause):
    error.__cause__ = cause
    return error


TROUBLE = [
    ConnectionError("reset by peer"),
    TimeoutError(),
    OSError(errno.EBUSY, "Please reduce your request rate."),
    RuntimeError("Could not connect to the endpoint URL"),
    caused(OSError("The server is busy"), Answered()),
    caused(PermissionError("The provided token has expired."), Refused("ExpiredToken")),
    caused(PermissionError("The key does not exist"), Refused("InvalidAccessKeyId")),
]


@pytest.mark.parametrize("error", TROUBLE, ids=repr)
@pytest.mark.parametrize("most", [2**20, 40])
def test_picture__trouble_of_the_network_or_account__is_no_fault_of_the_picture(
    error, most, folder, remote, monkeypatch
):
    monkeypatch.setattr("metaadapter.data.inputs.READ_AT_ONCE", most)
    remote.faults["fox/2.png"] = error

    for read in (decode_image, content_hash, upright_size):
        with pytest.raises(OSError, match="does not answer") as caught:
            read(as_place("troubled://photos/train/fox/2.png"))
        assert is_shortage(caught.value)
        assert "check the connection and the account" in str(machine_error(caught.value))
