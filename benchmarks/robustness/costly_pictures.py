"""Small picture files that would take much time or memory to decode.

Sizes are numbers of pixels, and `n` is the number of the parts that cost. Each function returns the
content of a file.
"""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x00"
"""The head of a scan of all but the first coefficients of the first channel (ITU T.81, B.2.3)."""


def jpeg_of_scans(width: int, height: int, n: int, data: bytes = b"") -> bytes:
    """A progressive JPEG file of `n` scans after the first, each with the same data or none."""
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    small = saved(Image.fromarray(noise), "JPEG", progressive=True, subsampling=0)
    head, tables, first = b"\xff\xd8", b"", b""
    for marker, segment in _segments(small):
        if marker == 0xC2:
            segment = segment[:5] + struct.pack(">HH", height, width) + segment[9:]
        if marker in (0xDB, 0xC2):
            head += segment
        elif marker == 0xC4:
            tables += segment
        elif marker == 0xDA:
            first = first or segment
    return head + tables + first + (SCAN + data) * n + b"\xff\xd9"


def jpeg_of_segments(n: int, segment: bytes = b"\xff\xfe\x00\x02") -> bytes:
    """A JPEG file with the same segment `n` times before the picture, by default a comment."""
    small = saved(Image.new("RGB", (16, 16)), "JPEG")
    return small[:2] + segment * n + small[2:]


def tiff_of_tile(width: int, height: int) -> bytes:
    """A TIFF file of 8 x 8 pixels in one compressed tile of the given size."""
    data = zlib.compress(bytes(width * height))
    picture = [(256, 3, 1, 8), (257, 3, 1, 8), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1)]
    picture += [(277, 3, 1, 1), (322, 4, 1, width), (323, 4, 1, height)]
    return _tiff([*picture, (324, 4, 1, 8), (325, 4, 1, len(data))], data)


def tiff_of_strips(width: int, height: int, n_bytes: int) -> bytes:
    """A TIFF file of a strip for each row; all are the same bytes, with their bits reversed."""
    data = zlib.compress(bytes(width), 9).ljust(n_bytes, b"\0").translate(REVERSED)
    offsets = struct.pack("<L", 8) * height
    lengths = struct.pack("<L", n_bytes) * height
    at = 8 + n_bytes
    picture = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 8)]
    picture += [(262, 3, 1, 1), (266, 3, 1, 2), (273, 4, height, at), (277, 3, 1, 1)]
    picture += [(278, 4, 1, 1), (279, 4, height, at + len(offsets))]
    return _tiff(picture, data + offsets + lengths)


def plain_ppm_of_comments(n: int) -> bytes:
    """A picture of one pixel in plain text after `n` comments."""
    return b"P2 1 1 255\n" + b"#\n" * n + b"0 "


def blank(width: int, height: int, mode: str, kind: str, **options: object) -> bytes:
    """A file of zeros, which compress well."""
    return saved(Image.new(mode, (width, height)), kind, **options)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """The content of an image's file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _segments(jpeg: bytes) -> list[tuple[int, bytes]]:
    segments, at = [], 2
    while jpeg[at + 1] != 0xD9:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4])
        segments.append((jpeg[at + 1], jpeg[at:end]))
        at = end
        if segments[-1][0] == 0xDA:
            while jpeg[at] != 0xFF or jpeg[at + 1] == 0:
                at += 1
    return segments


def _tiff(entries: list[tuple[int, int, int, int]], data: bytes) -> bytes:
    """A head, the data, and one directory of entries: tag, type, count, value (TIFF 6.0)."""
    directory = b"".join(struct.pack("<HHLL", *entry) for entry in sorted(entries))
    start = struct.pack("<LH", 8 + len(data), 42)
    head = b"II" + start[4:] + start[:4]
    return head + data + struct.pack("<H", len(entries)) + directory + bytes(4)
