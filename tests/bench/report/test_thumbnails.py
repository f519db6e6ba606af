from __future__ import annotations

import hashlib
import io

from PIL import Image

from metaadapter.bench.report.template import SIDE, thumbnails


def mistake(path, sha256):
    return {"path": str(path), "sha256": sha256}


def picture(path, size=(400, 200)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (200, 30, 40)).save(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_thumbnails__picture_of_the_same_bytes__is_shown_small(tmp_path):
    digest = picture(tmp_path / "there" / "a.png")

    result = thumbnails([mistake("a.png", digest)], [tmp_path / "elsewhere", tmp_path / "there"])

    with Image.open(io.BytesIO(result[digest])) as small:
        assert (small.format, small.size) == ("JPEG", (SIDE, SIDE // 2))


def test_thumbnails__two_pictures_of_one_path__are_told_apart(tmp_path):
    digests = [
        picture(tmp_path / "one" / "a.png"),
        picture(tmp_path / "two" / "a.png", size=(90, 90)),
    ]

    result = thumbnails(
        [mistake("a.png", digest) for digest in digests], [tmp_path / "one", tmp_path / "two"]
    )

    sizes = [Image.open(io.BytesIO(result[digest])).size for digest in digests]
    assert sizes == [(SIDE, SIDE // 2), (90, 90)]


def test_thumbnails__folder_or_impossible_name__is_left_out(tmp_path):
    (tmp_path / "a.png").mkdir()

    assert thumbnails([mistake("a.png", ""), mistake("b\0.png", "")], [tmp_path]) == {}


def test_thumbnails__another_picture_of_that_name__is_not_shown(tmp_path):
    picture(tmp_path / "a.png")

    assert thumbnails([mistake("a.png", "0" * 64)], [tmp_path]) == {}


def test_thumbnails__file_that_cannot_be_read__is_left_out(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    digest = hashlib.sha256(b"no picture").hexdigest()

    assert thumbnails([mistake("a.png", digest), mistake("b.png", "")], [tmp_path]) == {}
