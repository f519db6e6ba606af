from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from PIL import Image

from metaadapter.data.capture_time import capture_time

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
