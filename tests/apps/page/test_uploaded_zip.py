"""Uploaded zip files: only files within the limits are unpacked, and only to one path."""

from __future__ import annotations

import struct
import zipfile

import pytest

from metaadapter.apps.page.multipart import Limits
from metaadapter.apps.page.uploaded_zip import is_zip, unpack

LIMITS = Limits(archived_files=5, unpacked_bytes=3_000_000, picture_bytes=2_000_000)


@pytest.fixture
def opened(tmp_path, zip_of):
    """Unpack the bytes of an archive; return name → content, or the reason."""

    def open_(content):
        path = tmp_path / "sent"
        path.write_bytes(content)
        return {
            file.name: file.reason if file.path is None else file.path.read_bytes()
            for file in unpack(path, tmp_path / "one", LIMITS)
        }

    return open_


def test_archive__of_plain_files__gives_the_files_and_skips_those_of_systems(opened, zip_of):
    files = [("a/1.png", b"one"), ("__MACOSX/x", b"-"), (".hidden", b"-"), ("folder/", b"")]

    assert opened(zip_of(files)) == {"a/1.png": b"one"}


def test_names__with_parent_folders__are_not_used_as_paths(opened, zip_of, tmp_path):
    name = "../../../outside.png"

    assert opened(zip_of([(name, b"x")])) == {name: b"x"}
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["one", "sent"]


def test_bomb__that_grows_more_than_any_picture__is_refused_by_its_size_and_growth(opened, zip_of):
    result = opened(zip_of([("zeros", bytes(1_900_000)), ("more", bytes(2_100_000))]))

    assert "100 times" in result["zeros"]
    assert "2,100,000 bytes" in result["more"]


def test_bomb__whose_directory_lies__ends_where_it_says(opened, zip_of):
    content = zip_of([("lie", bytes(1_500_000))], zipfile.ZIP_DEFLATED)
    lie = content.replace(struct.pack("<L", 1_500_000), struct.pack("<L", 1000))

    assert lie != content
    try:
        result = opened(lie)["lie"]
    except ValueError as error:
        result = str(error)
    assert "larger than its zip file says" in result or "damaged" in result


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            [(str(number), bytes(900_000)) for number in range(4)],
            "unpacks to more than 3,000,000 bytes",
        ),
        ([(str(number), b"x") for number in range(6)], "6 files; the limit is 5"),
    ],
    ids=["bytes", "files"],
)
def test_archive__of_too_much_in_all__ends_with_the_limit(opened, zip_of, files, message):
    with pytest.raises(ValueError, match=message):
        opened(zip_of(files, zipfile.ZIP_STORED))


def test_archive__with_a_directory_of_many_entries__is_refused_before_it_is_read(opened, zip_of):
    content = bytearray(zip_of([("a", b"x")]))
    at = content.rindex(b"PK\x05\x06")
    content[at + 8 : at + 12] = b"\xff\xff\xff\xff"

    with pytest.raises(ValueError, match=r"list of files is too long"):
        opened(bytes(content))


def test_archive__cut_off_at_any_place__is_damaged(opened, zip_of):
    whole = zip_of([("a", b"x" * 50), ("b", b"y" * 50)], zipfile.ZIP_STORED)

    for end in range(4, len(whole)):
        with pytest.raises(ValueError, match=r"damaged|zip file"):
            opened(whole[:end])


def test_is_zip__reads_the_content_alone(tmp_path, zip_of):
    path = tmp_path / "picture.jpg"
    path.write_bytes(zip_of([("a", b"x")]))

    assert is_zip(path)
    path.write_bytes(b"\xff\xd8\xff")
    assert not is_zip(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_file__with_another_compression__is_refused(opened, zip_of, method):
    result = opened(zip_of([("a.png", b"picture")], method))

    assert "as an ordinary zip file" in result["a.png"]


def with_second_end(content, length, where):
    """A zip file that says the size of its directory as files above 4 GiB do (zip64)."""
    at = content.rfind(b"PK\x05\x06")
    _, _, _, _, n, _, start, _ = struct.unpack_from("<4sHHHHLLH", content, at)
    record = struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, n, n, length, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at + where, 1)
    return content[:at] + record + locator + content[at:]


def test_archive__with_a_second_end__is_read_and_its_directory_is_checked(opened, zip_of):
    content = zip_of([("a.png", b"one")])
    (length,) = struct.unpack_from("<L", content, content.rfind(b"PK\x05\x06") + 12)

    assert opened(with_second_end(content, length, 0)) == {"a.png": b"one"}
    with pytest.raises(ValueError, match="list of files is too long"):
        opened(with_second_end(content, 2**33, 0))
    with pytest.raises(ValueError, match="two ends differ"):
        opened(with_second_end(content, length, -5))
