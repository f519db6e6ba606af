from __future__ import annotations

import hashlib
import io

from PIL import Image

from metaadapter.report.evaluation_result import WorstMistake
from metaadapter.report.thumbnails import SIDE, thumbnails


def mistake(path, sha256):
    return WorstMistake(str(path), sha256, "ant", "bee", 0.9, 0.1)


def picture(path, size=(400, 200)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (200, 30, 40)).save(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_thumbnails__picture_of_the_same_bytes__is_shown_small(tmp_path):
    digest = picture(tmp_path / "there" / "a.png")

    found = thumbnails([mistake("a.png", digest)], [tmp_path / "elsewhere", tmp_path / "there"])

    with Image.open(io.BytesIO(found["a.png"])) as small:
        assert (small.format, small.size) == ("JPEG", (SIDE, SIDE // 2))


def test_thumbnails__another_picture_of_that_name__is_not_shown(tmp_path):
    picture(tmp_path / "a.png")

    assert thumbnails([mistake("a.png", "0" * 64)], [tmp_path]) == {}


def test_thumbnails__file_that_cannot_be_read__is_left_out(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    digest = hashlib.sha256(b"no picture").hexdigest()

    assert thumbnails([mistake("a.png", digest), mistake("b.png", "")], [tmp_path]) == {}
