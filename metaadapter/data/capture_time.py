"""The time at which a picture was taken, as the camera wrote it into the file."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from PIL import ExifTags

from metaadapter.data.decode import open_image
from metaadapter.data.inputs import name_of, open_readable
from metaadapter.data.machine_errors import is_of_network
from metaadapter.data.packed import Packed

EXIF_TIME = "%Y:%m:%d %H:%M:%S"
OFFSET = re.compile(r"[+-]\d\d:\d\d")


def capture_time(file: Path | Packed) -> datetime | None:
    """Return the camera's time from EXIF data, with the UTC offset if there is one, or None."""
    try:
        with open_readable(file) as opened:
            image = open_image(name_of(file), opened)
            exif = image.getexif()
            details = exif.get_ifd(ExifTags.IFD.Exif)
    except Exception as error:  # the picture may be missing, or only its metadata damaged
        if is_of_network(error):
            raise
        return None
    text = details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
    offset = details.get(ExifTags.Base.OffsetTimeOriginal)
    time = read_time(text)
    if time is None or not isinstance(offset, str) or not OFFSET.fullmatch(offset.strip("\0 ")):
        return time
    return datetime.fromisoformat(time.isoformat() + offset.strip("\0 "))


def read_time(text: object) -> datetime | None:
    """Return a time in EXIF's form, such as "2024:05:01 06:12:33"; None for any other value."""
    if not isinstance(text, str):
        return None
    try:
        return datetime.strptime(text.strip("\0 ")[:19].replace("-", ":"), EXIF_TIME)
    except ValueError:
        return None
