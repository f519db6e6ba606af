from __future__ import annotations

import pytest
from PIL import Image

from metaadapter.data.capture_time import with_series
from metaadapter.data.table import ImageRow, ImageTable


@pytest.fixture
def picture(tmp_path):
    """Write a picture with a time of day in its EXIF data, or without one; return its row."""

    def write(name, time=None, group=None):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        exif = Image.Exif()
        if time is not None:
            exif[306] = f"2025:05:04 {time}"
        Image.new("RGB", (8, 8)).save(path, exif=exif)
        return ImageRow(path, path.parent.name, group=group)

    return write


def test_series__pictures_within_a_minute_of_the_one_before__share_a_group(picture):
    rows = (
        picture("fox/1.jpg", "06:02:05"),
        picture("fox/2.jpg", "06:00:10"),
        picture("fox/3.jpg", "06:01:09"),
        picture("fox/4.jpg", "06:05:00"),
        picture("deer/1.jpg", "06:00:11"),
        picture("deer/2.jpg"),
        picture("deer/3.jpg", "06:00:12", group="mine"),
    )

    groups = [row.group for row in with_series(ImageTable(rows, "folder")).rows]

    assert groups[0] == groups[1] == groups[2]
    assert len({groups[0], groups[3], groups[4]}) == 3
    assert groups[5:] == [None, "mine"]
