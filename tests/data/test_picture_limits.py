"""Files that are small, but would take much time or memory to decode."""

from __future__ import annotations

import pytest

from benchmarks.robustness.costly_pictures import (
    jpeg_of_scans,
    jpeg_of_segments,
    plain_ppm_of_comments,
    tiff_of_strips,
    tiff_of_tile,
)
from metaadapter.data.decode import decode_image
from metaadapter.data.inputs import UnreadableImage

EXIF_SEGMENT = b"\xff\xe1\x00\x0aExif\0\0II"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: jpeg_of_scans(8, 8, 64), "it has more than 64 scans"),
        (lambda: jpeg_of_segments(1000), "it has more than 1,000 segments"),
        (lambda: jpeg_of_segments(17, EXIF_SEGMENT), "it has more than 16 segments of EXIF data"),
        (lambda: plain_ppm_of_comments(1001), "its pixels are numbers as text"),
        (lambda: tiff_of_tile(10_000, 9_008), "its tiles are too large: 10000 x 9008 pixels"),
        (lambda: tiff_of_strips(200, 20_000, 60_000), "its strips have 1,200,000,000 bytes"),
    ],
    ids=["scans", "segments", "EXIF", "comments", "tile", "strips"],
)
def test_decode__costly_file__is_refused_by_its_name(tmp_path, content, message):
    (tmp_path / "a.jpg").write_bytes(content())

    with pytest.raises(UnreadableImage, match=message) as caught:
        decode_image(tmp_path / "a.jpg")

    assert caught.value.path == tmp_path / "a.jpg"
