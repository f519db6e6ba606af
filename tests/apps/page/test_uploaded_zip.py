"""Uploaded zip files: only files within the limits are unpacked, and only to one path."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from metaadapter.apps.page.refusal import Limits
from metaadapter.apps.page.routes.uploads import unpack

LIMITS = Limits(archived_files=5, unpacked_bytes=3_000_000, picture_bytes=2_000_000)


@pytest.fixture
def opened(tmp_path, zip_of):
    """Unpack the bytes of an archive; return name → content, or the reason."""

    def open_(content):
        return {
            file.name: file.reason if file.path is None else file.path.read_bytes()
            for file in unpack(io.BytesIO(content), tmp_path / "one", LIMITS)
        }

    return open_


def test_archive__of_plain_files__gives_the_files_and_skips_those_of_systems(opened, zip_of):
    files = [("a/1.png", b"one"), ("__MACOSX/x", b"-"), (".hidden", b"-"), ("folder/", b"")]

    assert opened(zip_of(files)) == {"a/1.png": b"one"}


def test_names__with_parent_folders__are_not_used_as_paths(opened, zip_of, tmp_path):
    assert opened(zip_of([("../../../outside.png", b"x")])) == {"outside.png": b"x"}
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["one"]


def test_archive__above_the_limits__is_refused_by_file_or_as_a_whole(opened, zip_of):
    with_one = opened(zip_of([("a", bytes(100)), ("large", bytes(2_100_000))]))

    assert with_one == {"a": bytes(100), "large": "it has 2,100,000 bytes; the limit is 2,000,000"}
    with pytest.raises(ValueError, match="3,000,000 bytes"):
        opened(zip_of([("a", bytes(1_900_000)), ("b", bytes(1_900_000))]))
    with pytest.raises(ValueError, match="holds 6 files"):
        opened(zip_of([(name, b"x") for name in "abcdef"]))


def test_archive__that_lies_about_a_size__ends_where_it_says(opened, zip_of, tmp_path):
    content = zip_of([("lie", bytes(1_500_000))], zipfile.ZIP_DEFLATED)
    lie = content.replace(struct.pack("<L", 1_500_000), struct.pack("<L", 1000))

    with pytest.raises(ValueError, match="damaged"):
        opened(lie)
    assert (tmp_path / "one").stat().st_size <= 1000


def test_archive__cut_off_at_any_place__is_damaged(opened, zip_of):
    whole = zip_of([("a", b"x" * 50), ("b", b"y" * 50)], zipfile.ZIP_STORED)

    for end in range(4, len(whole)):
        with pytest.raises(ValueError, match=r"damaged|zip file"):
            opened(whole[:end])
