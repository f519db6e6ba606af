from __future__ import annotations

import io
import os
import stat
import struct
import warnings
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaadapter.data.stored_zip import StoredZip, zip_bytes

LIMITS = {"a.json": 100, "b.bin": 1000}
FILES = {"a.json": b"{}", "b.bin": b"x" * 300}


@pytest.fixture
def opened(tmp_path):
    """Reads the content of a file."""

    def open_(content, names=None):
        (tmp_path / "some.zip").write_bytes(content)
        return StoredZip.open(tmp_path / "some.zip", LIMITS, names)

    return open_


def archive(*members, comment=b"", **options):
    """A zip file by the standard library: (name or ZipInfo, content), …"""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", **options) as file:
        warnings.simplefilter("ignore")  # of names that are in it twice
        file.comment = comment
        for name, content in members:
            file.writestr(name, content)
    return buffer.getvalue()


def entry(name, **attributes):
    info = zipfile.ZipInfo(name)
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    return info


def test_zip_bytes__read_by_the_standard_library__has_the_files_in_their_order():
    with zipfile.ZipFile(io.BytesIO(zip_bytes(FILES))) as file:
        assert file.testzip() is None
        assert {name: file.read(name) for name in file.namelist()} == FILES


def test_zip_bytes__of_the_same_files__are_the_same(monkeypatch):
    first = zip_bytes(FILES)
    monkeypatch.setattr("time.time", lambda: 2e9)

    assert zip_bytes(FILES) == first


@pytest.mark.parametrize("files", [FILES, {}, {"b.bin": b""}])
def test_open__what_was_packed__comes_back(opened, files):
    result = opened(zip_bytes(files))

    assert result.contents == files
    assert result.sizes == {name: len(content) for name, content in files.items()}


def test_open__plain_zip_of_another_program__is_read(opened):
    result = opened(archive(("b.bin", b"later"), ("a.json", b"{}")))

    assert result.contents == {"b.bin": b"later", "a.json": b"{}"}


def test_open__some_names__reads_no_other_member(opened):
    result = opened(zip_bytes(FILES), ["a.json"])

    assert result.has("b.bin")
    assert result.read("a.json") == b"{}"
    with pytest.raises(FileNotFoundError):
        result.read("b.bin")


def linked(name):
    return entry(name, external_attr=(stat.S_IFLNK | 0o777) << 16, create_system=3)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "too short"),
        (b"PK", "too short"),
        (b"no zip file at all, but long enough", "no zip file"),
        (archive(("../a.json", b"")), r"expected only a\.json, b\.bin in it, found '\.\./a\.json'"),
        (archive(("/etc/passwd", b"")), "found '/etc/passwd'"),
        (archive(("a.json/", b"")), "found 'a.json/'"),
        (archive(("A.JSON", b"")), "found 'A.JSON'"),
        (archive(("ä.json", b"")), "in it, found"),
        (archive(("a.json", b""), ("a.json", b"2")), "a.json is in it twice"),
        (archive(*[("a.json", b"")] * 3), "expected at most 2 files in it, found 3"),
        (archive(("b.bin", bytes(900)), compression=zipfile.ZIP_DEFLATED), "is compressed"),
        (archive(("b.bin", bytes(900)), compression=zipfile.ZIP_BZIP2), "is compressed"),
        (archive(("a.json", bytes(101))), "a.json is too large: 101 bytes, at most 100"),
        (archive((linked("a.json"), b"/etc/passwd")), "a.json is a link"),
        (archive((entry("a.json", extra=b"\x01\x02\x00\x00"), b"")), "or has extra data"),
        (archive((entry("a.json", comment=b"hidden"), b"")), "or has extra data"),
        (archive(("a.json", b""), comment=b"hidden"), "no zip file"),
        (zip_bytes(FILES) + b"appended", "no zip file"),
        (b"before" + zip_bytes(FILES), "cut short, or holds more"),
        (zip_bytes(FILES)[:-1], "no zip file"),
        (zip_bytes(FILES)[1:], "cut short, or holds more"),
    ],
)
def test_open__hostile_or_damaged_zip__is_refused_before_a_member_is_read(
    opened, content, expected, monkeypatch
):
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("a member was read"))

    with pytest.raises(ValueError, match=expected):
        opened(content)


def changed(position, form, value, content):
    """A zip file with another number at a place, from the end where that is negative."""
    position %= len(content)
    size = struct.calcsize(form)
    return content[:position] + struct.pack(form, value) + content[position + size :]


ENTRY = zip_bytes(FILES).index(b"PK\x01\x02") - len(zip_bytes(FILES))


@pytest.mark.parametrize(
    ("position", "form", "value", "expected"),
    [
        (ENTRY + 20, "<L", 1, "is compressed"),  # packed size
        (ENTRY + 8, "<H", 1, "encrypted"),  # flags
        (ENTRY + 42, "<L", 1, "before a.json are not what the directory says"),  # offset
        (ENTRY + 16, "<L", 0, "before a.json are not what the directory says"),  # CRC-32
        (22, "<L", 3, "before a.json are not what the directory says"),  # size, in its own header
        (-12, "<H", 1, "the end of the zip file"),  # members here
        (-6, "<L", 0, "cut short, or holds more"),  # where the directory begins
        (-10, "<L", 0xFFFFFFFF, "cut short, or holds more"),  # its length
        (-18, "<H", 1, "the end of the zip file"),  # number of this disk
    ],
)
def test_open__numbers_that_disagree__are_refused(opened, position, form, value, expected):
    with pytest.raises(ValueError, match=expected):
        opened(changed(position, form, value, zip_bytes(FILES)))


def test_open__both_sizes_enormous__takes_no_memory(opened):
    content = zip_bytes({"b.bin": b"x" * 300})
    directory = content.index(b"PK\x01\x02") + 20
    for position in (18, 22, directory, directory + 4):
        content = changed(position, "<L", 0xFFFFFFF0, content)

    with pytest.raises(ValueError, match=r"b\.bin is too large: 4,294,967,280 bytes"):
        opened(content)


def test_open__gap_before_the_directory__is_refused(opened):
    content = zip_bytes(FILES)
    end = content.index(b"PK\x01\x02")
    content = changed(-6, "<L", end + 5, content[:end] + b"stuff" + content[end:])

    with pytest.raises(ValueError, match="gaps, or holds more"):
        opened(content)


def test_open__changed_content__is_damaged(opened):
    content = zip_bytes(FILES).replace(b"xxxxx", b"xxyxx", 1)

    with pytest.raises(ValueError, match=r"its member b\.bin is damaged"):
        opened(content)
    assert opened(content, ["a.json"]).read("a.json") == b"{}"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFO on this system")
def test_open__pipe__is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.zip")

    with pytest.raises(OSError, match="pipe"):
        StoredZip.open(tmp_path / "pipe.zip", LIMITS)


@given(data=st.data())
def test_open__any_change_of_its_bytes__is_refused_or_changes_no_file(tmp_path_factory, data):
    content = zip_bytes(FILES)
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 40)))
    change = data.draw(st.binary(max_size=40))
    path = tmp_path_factory.getbasetemp() / "changed.zip"
    path.write_bytes(content[:start] + change + content[end:])

    try:
        result = StoredZip.open(path, LIMITS)
    except ValueError:
        return

    assert result.contents == FILES
