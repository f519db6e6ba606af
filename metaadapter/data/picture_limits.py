"""Limits that bound the time and the memory of decoding one picture, checked before decoding.

A small file may repeat what costs much: scans that change nothing, strips that share their bytes.
"""

from __future__ import annotations

import re
from io import SEEK_CUR, BufferedIOBase
from math import ceil
from pathlib import Path

from PIL import Image

from metaadapter.data.inputs import UnreadableImage

# Programs write about ten scans and one segment of EXIF data; 1,000 segments hold 60 MB.
MOST_SCANS, MOST_EXIF_SEGMENTS, MOST_SEGMENTS = 64, 16, 1000
SCAN, EXIF, END = 0xDA, 0xE1, 0xD9
# Any marker except a restart, and except the bytes that stand for 0xFF within a scan (ITU T.81).
MARKER = re.compile(rb"\xff([\xc0-\xcf\xd9-\xfe])")
# The strips of a file may share their bytes, as blank tiles do.
MOST_STRIP_BYTES = 2**30
TILE_SIDES, STRIP_BYTES = (322, 323), (279, 325)
CHUNK = 2**14


def require_cheap_file(
    path: Path | str, file: BufferedIOBase, kind: str, *, of_pixels: bool
) -> None:
    """Check a picture file before Pillow reads its header; the file may be left at any place.

    Args:
        path: What an error names.
        file: The file.
        kind: Its format, such as "JPEG".
        of_pixels: Whether pixels are decoded later; else only what is before them is checked.

    Raises:
        UnreadableImage: Decoding it would take much longer, or more memory, than other pictures of
            its size take.
    """
    if kind == "JPEG":
        _require_few_segments(path, file, (END,) if of_pixels else (SCAN, END))
    elif kind == "PPM":
        file.seek(0)
        if file.read(2) in (b"P1", b"P2", b"P3"):
            raise UnreadableImage(path, "its pixels are numbers as text; save a PNG file")


def most_pixels(image: Image.Image) -> int | None:
    """Return how many pixels of a picture are read, by its format; `None` for no limit."""
    limit = Image.MAX_IMAGE_PIXELS
    # The decoder of WebP holds a picture four times, others three times at most.
    return ceil(limit * 3 / 4) if limit is not None and image.format == "WEBP" else limit


def require_cheap_strips(path: Path | str, image: Image.Image) -> None:
    """Check the strips and tiles of an open TIFF picture; other pictures have none.

    Raises:
        UnreadableImage: A tile has more pixels than a picture may have, or the strips are longer
            together than any file of that many pixels.
    """
    tags = getattr(image, "tag_v2", {})
    width, height = (tags.get(tag, 0) for tag in TILE_SIDES)
    if width * height > (Image.MAX_IMAGE_PIXELS or width * height):
        raise UnreadableImage(path, f"its tiles are too large: {width} x {height} pixels each")
    n_bytes = sum(sum(tags.get(tag, ())) for tag in STRIP_BYTES)
    if n_bytes > MOST_STRIP_BYTES:
        raise UnreadableImage(
            path,
            f"its strips have {n_bytes:,} bytes, but at most {MOST_STRIP_BYTES:,} are read; save "
            "it again",
        )


def _require_few_segments(path: Path | str, file: BufferedIOBase, ends: tuple[int, ...]) -> None:
    n_scans = n_exif = n_segments = 0
    file.seek(2)
    while (marker := _next_marker(file)) not in (None, *ends):
        length = max(int.from_bytes(file.read(2)) - 2, 0)
        start = file.read(min(length, 4))
        file.seek(length - len(start), SEEK_CUR)
        n_segments += 1
        n_scans += marker == SCAN
        n_exif += marker == EXIF and start == b"Exif"
        for n, most, kind in (
            (n_scans, MOST_SCANS, "scans"),
            (n_exif, MOST_EXIF_SEGMENTS, "segments of EXIF data"),
            (n_segments, MOST_SEGMENTS, "segments"),
        ):
            if n > most:
                raise UnreadableImage(
                    path,
                    f"it has more than {most:,} {kind}, and would take very long to decode; save "
                    "it again",
                )


def _next_marker(file: BufferedIOBase) -> int | None:
    """Go behind the next marker of a JPEG file and return its number; `None` at the end."""
    while len(chunk := file.read(CHUNK)) > 1:
        if match := MARKER.search(chunk):
            file.seek(match.end() - len(chunk), SEEK_CUR)
            return match[1][0]
        file.seek(-1, SEEK_CUR)  # a marker may begin with the last byte
    return None
