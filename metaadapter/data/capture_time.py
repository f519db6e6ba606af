"""Facts that a camera writes into a picture file, such as the time; and series of pictures."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from PIL import ExifTags, Image

from metaadapter.data.decode import open_image
from metaadapter.data.inputs import name_of, open_readable
from metaadapter.data.packed import Packed
from metaadapter.data.table import ImageRow, ImageTable
from metaadapter.files.machine_errors import is_of_network
from metaadapter.files.progress import tell

TIMES_AT_ONCE = 256  # between two reports of the progress
EXIF_TIME = "%Y:%m:%d %H:%M:%S"
OFFSET = re.compile(r"[+-]\d\d:\d\d")
# A series has pictures of one folder, each taken at most this long after the one before.
GAP = timedelta(seconds=60)
MAKERS = (
    *("reconyx", "bushnell", "browning", "cuddeback", "spypoint", "moultrie", "stealth cam"),
    *("uovision", "scoutguard", "ltl acorn", "trail", "covert", "burrel", "wildgame"),
)
"""Makers of camera traps, as EXIF data has them, in lower case."""
EMPTY = frozenset({"empty", "blank"})
"""The names, in lower case, of the class of frames without an animal."""


def capture_time(file: Path | Packed) -> datetime | None:
    """Return the camera's time from EXIF data, with the UTC offset if there is one, or None."""
    exif, details = exif_of(file)
    text = details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
    offset = details.get(ExifTags.Base.OffsetTimeOriginal)
    time = _time(text)
    if time is None or not isinstance(offset, str) or not OFFSET.fullmatch(offset.strip("\0 ")):
        return time
    return datetime.fromisoformat(time.isoformat() + offset.strip("\0 "))


def _time(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        return datetime.strptime(text.strip("\0 ")[:19].replace("-", ":"), EXIF_TIME)
    except ValueError:
        return None


def with_series(table: ImageTable) -> ImageTable:
    """Return pictures with their series as their group, where no manifest gives them a group.

    A picture without a time in its EXIF data is in no series.
    """
    folders = defaultdict[Path, list[tuple[datetime, int]]](list)
    for number, row in enumerate(table.rows):
        if number % TIMES_AT_ONCE == 0:
            tell("times", number, len(table.rows))
        time = None if row.group else capture_time(row.file)
        if time is not None:
            # A folder may have times with and without an offset, which Python does not compare.
            folders[row.path.parent].append((time.replace(tzinfo=None), number))
    rows = list(table.rows)
    for folder, timed in folders.items():
        before, series = datetime.min, ""
        for time, number in sorted(timed):
            if time - before > GAP:
                series = f"{folder} {time.isoformat()}"
            rows[number] = replace(rows[number], group=series)
            before = time
    return replace(table, rows=tuple(rows))


def exif_of(file: Path | Packed) -> tuple[Image.Exif, dict[int, object]]:
    """Return the EXIF data of a picture and its details; empty if they cannot be read."""
    try:
        with open_readable(file) as opened:
            exif = open_image(name_of(file), opened).getexif()
            return exif, exif.get_ifd(ExifTags.IFD.Exif)
    except Exception as error:  # the picture may be missing, or only its metadata damaged
        if is_of_network(error):
            raise
        return Image.Exif(), {}


def are_whole_frames(rows: Sequence[ImageRow], classes: Iterable[str]) -> bool:
    """Return whether pictures seem to be whole frames of camera traps.

    They are if a class is named empty or blank, or if the EXIF data of the first picture name a
    maker of camera traps; not if a picture has a box.
    """
    if not rows or any(row.box is not None for row in rows):
        return False
    if EMPTY & {*map(str.casefold, classes)}:
        return True
    exif, _ = exif_of(rows[0].file)
    maker = f"{exif.get(ExifTags.Base.Make)} {exif.get(ExifTags.Base.Model)}".casefold()
    return any(name in maker for name in MAKERS)
