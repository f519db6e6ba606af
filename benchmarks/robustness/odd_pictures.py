"""Functions that write odd pictures, each to one file."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.robustness.costly_pictures import (
    jpeg_of_scans,
    jpeg_of_segments,
    plain_ppm_of_comments,
    tiff_of_strips,
    tiff_of_tile,
)
from benchmarks.robustness.damage import damage

FORMATS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "TIFF": ".tif"}
FORMATS |= {"BMP": ".bmp", "PPM": ".ppm"}
ORIENTATION = 274

Rng = np.random.Generator


def sound_picture(stem: Path, rng: Rng) -> Path:
    """Write a small picture in a random one of the known formats."""
    kind = str(rng.choice(list(FORMATS)))
    return _save(_picture(rng), stem, kind)


def _picture(rng: Rng) -> Image.Image:
    height, width = rng.integers(1, 40, 2)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def _save(image: Image.Image, stem: Path, kind: str, **options: object) -> Path:
    path = stem.with_name(stem.name + FORMATS[kind])
    image.save(path, kind, **options)
    return path


def _damaged(stem: Path, rng: Rng) -> None:
    path = sound_picture(stem, rng)
    for _ in range(rng.integers(1, 4)):
        if path.exists():
            damage(path, rng, [])


def _with_wrong_suffix(stem: Path, rng: Rng) -> None:
    path = sound_picture(stem, rng)
    path.rename(path.with_suffix(str(rng.choice(list(FORMATS.values())))))


def _noise(stem: Path, rng: Rng) -> None:
    size = int(rng.choice([0, 1, 15, 16, 17, 1000]))
    start = rng.choice([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0"])
    stem.with_suffix(".jpg").write_bytes((start + rng.bytes(size))[:size])


def _huge(stem: Path, rng: Rng) -> None:
    """Write a small file that claims to be a large picture."""
    width, height = (int(side) for side in 2 ** rng.uniform(8, 31, 2))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n"
    for name, data in ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(99))), (b"IEND", b"")):
        png += struct.pack(">I", len(data)) + name + data
        png += struct.pack(">I", zlib.crc32(name + data))
    ppm = f"P6 {width} {height} 255\n".encode() + bytes(99)
    bmp = io.BytesIO()
    Image.new("RGB", (4, 4)).save(bmp, "BMP")
    large_bmp = bytearray(bmp.getvalue())
    large_bmp[18:26] = struct.pack("<ii", width, height - 2**31)
    suffix, data = [(".png", png), (".ppm", ppm), (".bmp", large_bmp)][rng.integers(3)]
    stem.with_suffix(suffix).write_bytes(data)


def _animated(stem: Path, rng: Rng) -> None:
    frames = [_picture(rng).resize((9, 9)) for _ in range(4)]
    kind = str(rng.choice(["GIF", "PNG", "WEBP", "TIFF"]))
    _save(frames[0], stem, kind, save_all=True, append_images=frames[1:])


def _of_another_depth(stem: Path, rng: Rng) -> None:
    sides = rng.integers(1, 40, 2)
    dtype = (np.uint16, np.int32, np.float32, bool)[rng.integers(4)]
    with np.errstate(invalid="ignore"):
        pixels = (rng.standard_normal(sides) * 10.0 ** rng.integers(0, 30)).astype(dtype)
    if dtype is np.float32 and rng.random() < 0.5:
        pixels[0, 0] = rng.choice([np.nan, np.inf, -np.inf])
    _save(Image.fromarray(pixels), stem, "TIFF")


def _of_another_mode(stem: Path, rng: Rng) -> None:
    mode, kind = [
        *(("CMYK", "JPEG"), ("CMYK", "TIFF"), ("LA", "PNG"), ("RGBA", "WEBP"), ("P", "GIF")),
        *(("P", "PNG"), ("1", "PNG"), ("YCbCr", "JPEG"), ("LAB", "TIFF"), ("L", "BMP")),
    ][rng.integers(10)]
    _save(_picture(rng).convert(mode), stem, kind)


def _turned(stem: Path, rng: Rng) -> None:
    """Write a picture with a random orientation, or with random bytes as EXIF."""
    exif = Image.Exif()
    exif[ORIENTATION] = int(rng.integers(0, 70_000)) % 2 ** int(rng.integers(1, 16))
    facts = exif.tobytes() if rng.random() < 0.6 else b"Exif\0\0" + rng.bytes(40)
    _save(_picture(rng), stem, str(rng.choice(["JPEG", "PNG", "WEBP"])), exif=facts)


def _narrow(stem: Path, rng: Rng) -> None:
    sides = (1, int(rng.integers(50, 20_000)))
    _save(Image.new("RGB", sides[:: int(rng.choice([-1, 1]))]), stem, "PNG")


def _costly(stem: Path, rng: Rng) -> None:
    """Write a small file that repeats what costs much, sometimes too often."""
    n = int(2 ** rng.uniform(1, 16))
    kinds: list[tuple[str, Callable[[], bytes]]] = [
        (".jpg", lambda: jpeg_of_scans(64, 64, n)),
        (".jpg", lambda: jpeg_of_segments(n)),
        (".ppm", lambda: plain_ppm_of_comments(n)),
        (".tif", lambda: tiff_of_tile(n, 64)),
        (".tif", lambda: tiff_of_strips(80, 80 + n // 10, n)),
    ]
    suffix, content = kinds[rng.integers(len(kinds))]
    stem.with_suffix(suffix).write_bytes(content())


def _no_file(stem: Path, rng: Rng) -> None:
    path = stem.with_suffix(".png")
    kind = rng.integers(5)
    if kind == 0:
        os.mkfifo(path)
    elif kind == 1:
        path.mkdir()
        if rng.random() < 0.5:
            sound_picture(path / "within", rng)
    else:
        path.symlink_to(["/dev/zero", path.name, "not there"][kind - 2])


KINDS: dict[str, Callable[[Path, Rng], object]] = {
    "sound": sound_picture,
    "damaged": _damaged,
    "wrong suffix": _with_wrong_suffix,
    "noise": _noise,
    "huge": _huge,
    "animated": _animated,
    "of another depth": _of_another_depth,
    "of another mode": _of_another_mode,
    "turned": _turned,
    "narrow": _narrow,
    "costly": _costly,
    "no file": _no_file,
}
"""Description → the function that writes such a file; its first argument has no suffix yet."""
