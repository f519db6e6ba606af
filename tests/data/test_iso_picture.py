"""HEIC and AVIF, with pillow-heif as the encoder and, for AVIF, as a second decoder."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from PIL import ExifTags, Image, features

from metaadapter.data.capture_time import capture_time
from metaadapter.data.decode import decode_image, upright_size
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.iso_picture import iso_format

heif = pytest.importorskip("pillow_heif")
FORMATS = [
    "HEIF",
    pytest.param("AVIF", marks=pytest.mark.skipif(not features.check("avif"), reason="no AVIF")),
]
TIME = "2026:05:04 07:08:09"


def picture_file(kind, orientation=1):
    """A picture that is dark on the left and bright on the right, as a file of 64 x 48 pixels."""
    heif.register_heif_opener()
    tones = np.broadcast_to(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], (48, 64, 3))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.DateTime] = TIME
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(tones)).save(file, kind, quality=95, exif=exif.tobytes())
    return file.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
def test_decode__picture_of_a_phone__is_upright_and_has_its_colours(tmp_path, kind):
    path = tmp_path / "IMG_0001.heic"
    path.write_bytes(picture_file(kind, orientation=6))

    upright = np.asarray(decode_image(path)).astype(int)

    assert upright.shape == (64, 48, 3)
    assert upright_size(path) == (48, 64)
    expected = np.linspace(0, 255, 64)[:, None, None]  # dark at the top: turned clockwise
    assert np.abs(upright - expected).max() < 12
    assert f"{capture_time(path):%Y:%m:%d %H:%M:%S}" == TIME


def test_decode__heic_without_its_package__says_what_to_do(monkeypatch):
    content = picture_file("HEIF")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)

    with pytest.raises(UnreadableImage, match=r"install metaadapter\[heic\].*Most Compatible"):
        decode_image(content)


def test_decode__avif_that_pillow_cannot_read__says_what_to_do(monkeypatch):
    monkeypatch.setattr(features, "check", lambda _: False)

    with pytest.raises(UnreadableImage, match=r"Pillow 11\.3"):
        decode_image(box(b"avif", b"mif1"))


def box(*brands):
    """A ftyp box with a major brand, a version, and compatible brands."""
    content = b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:])
    return (len(content) + 4).to_bytes(4, "big") + content


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (box(b"heic", b"mif1"), "HEIF"),
        (box(b"mif1", b"mif1", b"heix"), "HEIF"),
        (box(b"mif1", b"mif1", b"avif"), "AVIF"),
        (box(b"isom", b"mp41"), None),  # a film
        (box(b"isom") + b"heic", None),  # behind the box
        (b"\xff\xd8\xff\xe0", None),
    ],
)
def test_iso_format__is_that_of_the_brands(start, expected):
    assert iso_format("a picture", start) == expected


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_decode__truncated_heic__is_unreadable(share):
    content = picture_file("HEIF")

    with pytest.raises(UnreadableImage, match="truncated or damaged"):
        decode_image(content[: int(len(content) * share)])
