from __future__ import annotations

import errno
import io
import os
import pickle
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from metaadapter.data.decode import content_hash, decode_image, read_once, upright_size
from metaadapter.data.input_digest import inputs_digest
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.machine_errors import is_shortage, machine_error
from metaadapter.data.reader import read_images
from metaadapter.data.regular_files import is_regular, regular
from metaadapter.data.table import ImageRow
from metaadapter.data.url import Url, as_place
from metaadapter.errors import DataError, MissingPackage, UsageError
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


def test_as_place__a_folder_with_such_a_name__is_that_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run:").mkdir()

    assert not isinstance(as_place(Path("run:/a.png")), Url)
    assert isinstance(as_place("run://a.png"), Url)


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


def test_folder__by_url__needs_one_request_for_each_folder_and_one_for_each_picture(folder, remote):
    rows = read_images("troubled://photos", labelled=False).rows
    listed = [path for kind, path in remote.requests if kind == "ls"]
    assert sorted(listed) == sorted(set(listed))
    remote.requests.clear()

    inputs_digest(rows)
    for row in rows:
        read_once(row.picture, lambda _: True)

    assert [kind for kind, _ in remote.requests] == ["cat_file"] * len(rows)


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


def test_tar_and_parquet__by_url__have_the_pictures_of_the_same_files_on_a_drive(folder, remote):
    pyarrow, parquet = map(pytest.importorskip, ("pyarrow", "pyarrow.parquet"))
    paths = sorted(folder.rglob("*.png"))
    with tarfile.open(folder.parent / "a.tar", "w") as archive:
        for path in paths:
            archive.add(path, path.relative_to(folder / path.relative_to(folder).parts[0]))
    contents = [path.read_bytes() for path in paths]
    table = pyarrow.table({"image": contents, "label": [path.parent.name for path in paths]})
    parquet.write_table(table, folder.parent / "b.parquet", row_group_size=2)
    for name in ("a.tar", "b.parquet"):
        remote().pipe(f"troubled://packed/{name}", (folder.parent / name).read_bytes())
        here, there = (
            read_images(place) for place in (folder.parent / name, f"troubled://packed/{name}")
        )

        expected = facts_of(here, str(folder.parent))
        assert facts_of(there, "troubled://packed") == expected
        assert str(there.rows[0].path).startswith(f"troubled://packed/{name}/")


VOC = "<annotation><filename>3.png</filename></annotation>"
COCO = '{"images": [{"id": 1, "file_name": "3.png"}], "categories": [], "annotations": []}'
BOXES = [
    ({"data.yaml": "names: [fox]\ntrain: images\n", "labels/3.txt": "0 0.5 0.5 1 1"}, "", "YOLO"),
    ({"classes.txt": "fox\n", "labels/train/3.txt": "0 0.5 0.5 1 1"}, "", "YOLO"),
    ({"Annotations/3.xml": VOC}, "", "Pascal VOC"),
    ({"3.xml": VOC}, "", "Pascal VOC"),
    ({"coco.json": COCO}, "/coco.json", "boxes of COCO"),
    ({"3.xml": VOC}, "/3.xml", "a file of boxes"),
    ({"data.yaml": "names: [fox]\n"}, "/data.yaml", "a file of boxes"),
]


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize(("files", "place", "kind"), BOXES)
def test_boxes__by_url__are_refused_by_name(files, place, kind, labelled, folder, remote):
    for name, text in files.items():
        remote().pipe(f"troubled://photos/{name}", text.encode())

    with pytest.raises(UsageError, match=f"{kind}.* boxes are read from a drive alone: copy it"):
        read_images(f"troubled://photos{place}", labelled=labelled, split="all")


def test_folder__by_url_with_other_text_files__is_no_folder_of_boxes(folder, remote):
    for name in ("dvc.yaml", "train/fox/9.xml", "train/lynx/classes.txt"):
        remote().pipe(f"troubled://photos/{name}", b"names: [fox]")

    assert len(read_images("troubled://photos", split="all").rows) == 5


def test_inputs_digest__of_a_remote_picture__changes_with_its_content(folder, remote):
    listed = read_images("troubled://photos", split="train").rows
    named = [ImageRow(row.path, row.label) for row in listed]
    before = [inputs_digest(rows) for rows in (listed, named)]
    assert before == [inputs_digest(rows) for rows in (listed, named)]
    remote().pipe(str(listed[0].path), b"another content")

    listed = read_images("troubled://photos", split="train").rows

    assert inputs_digest(listed) != before[0]
    assert inputs_digest(named) != before[1]
    remote.faults["fox"] = ConnectionError("reset")
    with pytest.raises(OSError, match="does not answer"):
        inputs_digest(named)


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


def test_picture__larger_than_one_request__is_read_in_parts(folder, remote, monkeypatch):
    monkeypatch.setattr("metaadapter.data.inputs.READ_AT_ONCE", 40)
    url, file = as_place("troubled://photos/train/fox/2.png"), folder / "train/fox/2.png"

    assert decode_image(url).tobytes() == decode_image(file).tobytes()
    assert read_once(url, lambda _: False) == read_once(file, lambda _: False)
    assert upright_size(url) == upright_size(file)


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


UNREADABLE = {
    "there is no such file": FileNotFoundError("fox/2.png"),
    "no permission to read it": caused(PermissionError("Access Denied"), Refused("AccessDenied")),
    "no permission to read it ": OSError("Forbidden: fox/2.png"),
    "no permission to read it  ": caused(PermissionError("Forbidden"), Answered()),
}
TROUBLE = [
    ConnectionError("reset by peer"),
    TimeoutError(),
    OSError(errno.EBUSY, "Please reduce your request rate."),
    RuntimeError("Could not connect to the endpoint URL"),
    caused(OSError("The server is busy"), Answered()),
    caused(PermissionError("The provided token has expired."), Refused("ExpiredToken")),
    caused(PermissionError("The key does not exist"), Refused("InvalidAccessKeyId")),
]


@pytest.mark.parametrize("reason", UNREADABLE)
def test_picture__not_there_or_not_allowed__is_unreadable(reason, folder, remote):
    remote.faults["fox/2.png"] = UNREADABLE[reason]

    with pytest.raises(
        UnreadableImage, match=f"troubled://photos/train/fox/2.png: {reason.strip()}"
    ):
        decode_image("troubled://photos/train/fox/2.png")


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


def test_picture__the_network_fails_while_it_is_decoded__is_no_fault_of_the_picture(
    folder, remote, monkeypatch
):
    monkeypatch.setattr("metaadapter.data.inputs.READ_AT_ONCE", 40)
    monkeypatch.setattr("metaadapter.data.url.BUFFER_BYTES", 8)
    url = as_place("troubled://photos/train/fox/2.png")
    asked = []

    def read_range(self, start, end, read=Url.read_range):
        asked.append(start)
        if len(asked) > 6:
            raise OSError(errno.EHOSTUNREACH, "its place does not answer", str(self))
        return read(self, start, end)

    monkeypatch.setattr(Url, "read_range", read_range)

    with pytest.raises(OSError, match="does not answer"):
        decode_image(url)


def test_listing__the_network_fails__says_so(folder, remote):
    remote.faults["photos"] = ConnectionError("reset by peer")
    with pytest.raises(DataError, match=r"does not answer.*; check the connection"):
        read_images("troubled://photos")
    remote.faults.clear()
    remote.faults["lynx"] = TimeoutError("too late")
    with pytest.raises(DataError, match=r"look into the folder troubled://.*lynx.*check the conn"):
        read_images("troubled://photos", split="train")


def test_manifest__the_network_fails__is_told_at_the_first_picture(folder, remote, tmp_path):
    (tmp_path / "list.csv").write_text("path\ntroubled://photos/1.png\ntroubled://photos/2.png\n")
    remote.faults["photos"] = ConnectionError("reset by peer")
    remote.requests.clear()

    with pytest.raises(OSError, match="does not answer") as caught:
        read_images(tmp_path / "list.csv", labelled=False)

    assert caught.value.filename == "troubled://photos/1.png"
    assert len(remote.requests) == 1


def test_source__not_there_unknown_or_without_its_package__says_what_to_do(remote, monkeypatch):
    with pytest.raises(DataError, match="no file or folder troubled://nothing; correct the URL"):
        read_images("troubled://nothing")
    with pytest.raises(UsageError, match="nowhere:// is no kind of place that fsspec knows"):
        read_images("nowhere://photos")
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(
        MissingPackage, match=r"gs:// needs .* pip install 'metaadapter\[buckets\]'"
    ):
        read_images("gs://bucket/photos")
    for package in ("aiohttp", "requests"):
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "fsspec.implementations.http", raising=False)
    with pytest.raises(MissingPackage, match=r"https:// needs .* pip install aiohttp requests"):
        read_images("https://example.org/1.jpg")


def test_regular__of_a_remote_place__is_a_file_and_no_folder(folder):
    assert regular(as_place("troubled://photos/train/fox/2.png")).stat().st_size > 0
    assert not is_regular(as_place("troubled://photos/train"))
    assert not is_regular(as_place("troubled://photos/none.png"))
    assert not is_regular(Url("/etc/passwd"))  # an absolute path in a remote manifest
