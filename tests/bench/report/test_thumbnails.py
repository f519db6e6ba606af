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
