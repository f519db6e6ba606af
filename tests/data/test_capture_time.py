from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from PIL import Image

from metaadapter.data.capture_time import capture_time, with_series
from metaadapter.data.table import ImageRow, ImageTable

EXIF, TAKEN, CHANGED, OFFSET = 0x8769, 0x9003, 0x0132, 0x9011


@pytest.fixture
def picture(tmp_path):
    def write(taken=None, changed=None, offset=None):
        exif = Image.Exif()
        details = exif.get_ifd(EXIF)
        for place, tag, text in (
            (details, TAKEN, taken),
            (exif, CHANGED, changed),
            (details, OFFSET, offset),
        ):
            if text is not None:
                place[tag] = text
        Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", exif=exif)
        return tmp_path / "a.jpg"

    return write


def test_time__taken_and_changed__is_when_it_was_taken(picture):
    path = picture("2024:05:01 06:12:33", "2025:01:01 00:00:00")

    assert capture_time(path) == datetime(2024, 5, 1, 6, 12, 33)


def test_time__with_an_offset__has_its_zone(picture):
    zone = timezone(timedelta(hours=2))

    assert capture_time(picture("2024:05:01 06:12:33", offset="+02:00")) == datetime(
        2024, 5, 1, 6, 12, 33, tzinfo=zone
    )


@pytest.fixture
def timed(tmp_path):
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


def test_series__pictures_within_a_minute_of_the_one_before__share_a_group(timed):
    rows = (
        timed("fox/1.jpg", "06:02:05"),
        timed("fox/2.jpg", "06:00:10"),
        timed("fox/3.jpg", "06:01:09"),
        timed("fox/4.jpg", "06:05:00"),
        timed("deer/1.jpg", "06:00:11"),
        timed("deer/2.jpg"),
        timed("deer/3.jpg", "06:00:12", group="mine"),
    )

    groups = [row.group for row in with_series(ImageTable(rows, "folder")).rows]

    assert groups[0] == groups[1] == groups[2]
    assert len({groups[0], groups[3], groups[4]}) == 3
    assert groups[5:] == [None, "mine"]
