from __future__ import annotations

import io
import warnings
import zipfile

import pytest

from metaadapter.files.stored_zip import StoredZip, zip_bytes

LIMITS = {"a.json": 100, "b.bin": 1000}
FILES = {"a.json": b"{}", "b.bin": b"x" * 300}


@pytest.fixture
def opened(tmp_path):
    """Reads the content of a file."""

    def open_(content, names=None):
        (tmp_path / "some.zip").write_bytes(content)
        return StoredZip.open(tmp_path / "some.zip", LIMITS, names)

    return open_


def archive(*members, **options):
    """A zip file by the standard library: (name, content), …"""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", **options) as file:
        warnings.simplefilter("ignore")  # of names that are in it twice
        for name, content in members:
            file.writestr(name, content)
    return buffer.getvalue()


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


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "no zip file"),
        (b"no zip file at all, but long enough", "no zip file"),
        (zip_bytes(FILES)[:-1], "no zip file"),
        (archive(("../a.json", b"")), r"expected only a\.json, b\.bin in it, found '\.\./a\.json'"),
        (archive(("/etc/passwd", b"")), "found '/etc/passwd'"),
        (archive(("a.json/", b"")), "found 'a.json/'"),
        (archive(("a.json", b""), ("a.json", b"2")), "a.json is in it twice"),
        (archive(("b.bin", bytes(900)), compression=zipfile.ZIP_DEFLATED), "is compressed"),
        (archive(("a.json", bytes(101))), "a.json is too large: 101 bytes, at most 100"),
    ],
)
def test_open__hostile_or_damaged_zip__is_refused_before_a_member_is_read(
    opened, content, expected, monkeypatch
):
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("a member was read"))

    with pytest.raises(ValueError, match=expected):
        opened(content)
