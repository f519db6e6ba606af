from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
from PIL import ExifTags, Image

from metaadapter.data.decode import content_hash, decode_image
from metaadapter.data.inputs import UnreadableImage, as_picture
from metaadapter.errors import UsageError

# EXIF orientation: how the stored pixels relate to the upright ones (EXIF 2.32, figure of tag 274).
STORED = {
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: np.swapaxes(upright, 0, 1),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(np.swapaxes(upright, 0, 1), 2),
    8: lambda upright: np.rot90(upright, -1),
}

LOSSLESS = [("png", {}), ("tiff", {}), ("webp", {"lossless": True})]


@pytest.fixture
def colours():
    return np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def turned_by(orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif


def smooth(width, height):
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.stack([x, y, (x + y) / 2], axis=-1).astype(np.uint8)


def grey_levels(image):
    array = np.asarray(image)
    assert (array == array[..., :1]).all()
    return array[..., 0]


@pytest.mark.parametrize(("suffix", "options"), [*LOSSLESS, ("bmp", {}), ("ppm", {})])
def test_decode__lossless_format__gives_the_stored_pixels(tmp_path, colours, suffix, options):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(colours).save(path, **options)

    image = decode_image(path)

    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), colours)


@pytest.mark.parametrize("suffix", ["gif", "tiff"])
def test_decode__several_frames_or_pages__gives_the_first(tmp_path, suffix):
    first, second = Image.new("RGB", (4, 3), "red"), Image.new("RGB", (4, 3), "blue")
    first.save(tmp_path / f"a.{suffix}", save_all=True, append_images=[second])

    image = decode_image(tmp_path / f"a.{suffix}")

    assert image.getcolors() == [(12, (255, 0, 0))]


@pytest.mark.parametrize(("suffix", "options"), LOSSLESS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_decode__exif_orientation__turns_upright(tmp_path, colours, orientation, suffix, options):
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](colours)))
    stored.save(tmp_path / f"a.{suffix}", exif=turned_by(orientation), **options)

    image = decode_image(tmp_path / f"a.{suffix}")

    np.testing.assert_array_equal(np.asarray(image), colours)


@pytest.mark.parametrize("orientation", [None, *range(1, 9)])
def test_decode__jpeg__is_upright_and_close_to_the_stored_pixels(tmp_path, orientation):
    pixels = smooth(64, 48)
    exif = turned_by(orientation) if orientation else None
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation or 1](pixels)))
    stored.save(tmp_path / "a.jpg", exif=exif or Image.Exif(), quality=95)

    decoded = np.asarray(decode_image(tmp_path / "a.jpg"))

    assert decoded.shape == pixels.shape
    assert np.abs(decoded.astype(int) - pixels).max() <= 8


@pytest.mark.parametrize(("suffix", "options"), LOSSLESS)
def test_decode__alpha__blends_with_white(tmp_path, colours, suffix, options):
    alpha = np.random.default_rng(1).integers(1, 256, (6, 9, 1), dtype=np.uint8)
    image = Image.fromarray(np.concatenate([colours, alpha], axis=-1))
    image.save(tmp_path / f"a.{suffix}", **options)

    decoded = np.asarray(decode_image(tmp_path / f"a.{suffix}"))

    opacity = alpha / 255
    expected = opacity * colours + (1 - opacity) * 255
    assert np.abs(decoded - expected).max() <= 1


@pytest.mark.parametrize(
    ("suffix", "transparency", "expected"),
    [
        ("png", None, [[0, 0, 0], [255, 0, 0], [0, 0, 255]]),
        ("png", 0, [[255, 255, 255], [255, 0, 0], [0, 0, 255]]),
        ("gif", 0, [[255, 255, 255], [255, 0, 0], [0, 0, 255]]),
        ("png", bytes([0, 255, 255]), [[255, 255, 255], [255, 0, 0], [0, 0, 255]]),
        ("png", bytes([128, 51, 255]), [[127, 127, 127], [255, 204, 204], [0, 0, 255]]),
    ],
)
def test_decode__palette__blends_with_white(tmp_path, suffix, transparency, expected):
    image = Image.new("P", (3, 1))
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    image.save(tmp_path / f"a.{suffix}", transparency=transparency)

    decoded = np.asarray(decode_image(tmp_path / f"a.{suffix}"))

    is_partly_clear = transparency == bytes([128, 51, 255])
    np.testing.assert_allclose(decoded, [expected], atol=1 if is_partly_clear else 0)


def test_decode__colour_that_stands_for_transparent__becomes_white(tmp_path):
    image = Image.new("RGB", (2, 1), (1, 2, 3))
    image.putpixel((1, 0), (200, 100, 50))
    image.save(tmp_path / "a.png", transparency=(1, 2, 3))

    assert np.asarray(decode_image(tmp_path / "a.png")).tolist() == [
        [[255, 255, 255], [200, 100, 50]]
    ]


@pytest.mark.parametrize(
    ("suffix", "kind", "tones", "expected"),
    [
        ("png", bool, [True, False, True], [255, 0, 255]),
        ("png", np.uint16, [0, 1], [0, 255]),
        ("tiff", np.int32, [-1000, 0, 1000], [0, 128, 255]),  # from darkest to brightest
        ("tiff", np.float32, [0.2, 0.4, 0.6], [51, 102, 153]),
        ("tiff", np.float32, [0, 0.505, 1.01], [0, 128, 255]),
        ("tiff", np.float32, [np.nan, -np.inf, -2, 2, np.inf], [0, 0, 0, 255, 255]),
        *(("tiff", np.float32, [tone, tone], [0, 0]) for tone in (-3.0, 0.0, np.nan)),
    ],
)
def test_decode__tones_of_any_scale__become_those_of_a_byte(
    tmp_path, suffix, kind, tones, expected
):
    Image.fromarray(np.array([tones], dtype=kind)).save(tmp_path / f"a.{suffix}")

    assert grey_levels(decode_image(tmp_path / f"a.{suffix}")).tolist() == [expected]


@pytest.mark.parametrize("suffix", ["tiff", "jpg"])
def test_decode__cmyk__is_close_to_the_printed_colour(tmp_path, suffix):
    Image.new("CMYK", (16, 16), (0, 200, 100, 50)).save(tmp_path / f"a.{suffix}")

    decoded = np.asarray(decode_image(tmp_path / f"a.{suffix}"))

    ink = np.array([0, 200, 100]) / 255
    expected = 255 * (1 - ink) * (1 - 50 / 255)
    assert np.abs(decoded - expected).max() <= 4


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_decode__sixteen_bit_grey__keeps_the_tones(tmp_path, suffix):
    tones = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
    Image.fromarray(tones).save(tmp_path / f"a.{suffix}")

    decoded = grey_levels(decode_image(tmp_path / f"a.{suffix}"))

    np.testing.assert_array_equal(decoded, np.arange(256).reshape(16, 16))


@pytest.mark.parametrize("excess", [1, 3])
def test_decode__more_pixels_than_the_limit__is_refused_without_a_warning(
    tmp_path, monkeypatch, excess
):
    Image.new("1", (100, 10 * excess + 1)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)

    expected = rf"too large: 100 x \d+ = {1000 * excess + 100:,} pixels, but at most 1,000 are read"
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with pytest.raises(UnreadableImage, match=expected):
            decode_image(tmp_path / "a.png")

    assert warned == []


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "tiff", "bmp", "ppm", "avif"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_decode__truncated__is_unreadable(tmp_path, suffix, share):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    with pytest.raises(UnreadableImage, match="truncated or damaged") as caught:
        decode_image(path)

    assert caught.value.path == path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("empty.jpg", "the file is empty"),
        ("text.jpg", r"not a picture of a known kind \(JPEG, PNG"),
        ("", "it is a folder"),
        ("none.jpg", "there is no such file"),
    ],
)
def test_decode__no_picture_file__says_what_it_is(tmp_path, name, message):
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("This is the place of a picture.")

    with pytest.raises(UnreadableImage, match=message):
        decode_image(tmp_path / name)


def test_decode__open_picture__is_left_as_it_was_and_the_turned_one_asks_for_no_turn(
    tmp_path, colours
):
    Image.fromarray(colours).save(tmp_path / "a.png", exif=turned_by(6))
    image = Image.open(tmp_path / "a.png")

    turned = decode_image(image)

    assert (image.size, turned.size) == ((9, 6), (6, 9))
    assert image.getexif()[ExifTags.Base.Orientation] == 6
    for result in (turned, decode_image(tmp_path / "a.png")):
        assert ExifTags.Base.Orientation not in result.getexif()
    plain = Image.fromarray(colours)
    assert decode_image(plain) is not plain
    np.testing.assert_array_equal(np.asarray(decode_image(plain)), colours)


def test_decode__array__is_grey_rgb_or_rgba(colours):
    alpha = np.full((6, 9, 1), 255, dtype=np.uint8)
    grey = colours[..., 0]

    np.testing.assert_array_equal(np.asarray(decode_image(colours)), colours)
    opaque = decode_image(np.concatenate([colours, alpha], axis=-1))
    np.testing.assert_array_equal(np.asarray(opaque), colours)
    clear = decode_image(np.concatenate([colours, 0 * alpha], axis=-1))
    assert clear.getcolors() == [(54, (255, 255, 255))]
    for array in (grey, grey[..., None], np.asfortranarray(grey)):
        np.testing.assert_array_equal(grey_levels(decode_image(array)), grey)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((4, 4, 2), np.uint8), r"of uint8, got \(4, 4, 2\) of uint8"),
        (np.zeros((4, 4), np.float32), r"got \(4, 4\) of float32"),
        (io.StringIO("text"), "got _io.StringIO"),
    ],
)
def test_decode__no_picture__says_what_is_one(given, message):
    with pytest.raises(UsageError, match=message):
        as_picture(given)


def test_content_hash__open_pictures_and_arrays__have_that_of_their_pixels(tmp_path):
    red = Image.new("RGB", (4, 3), "red")
    red.save(tmp_path / "a.png")

    opened = content_hash(Image.open(tmp_path / "a.png"))

    assert opened == content_hash(red) == content_hash(np.array(red))
    assert opened != content_hash(tmp_path / "a.png")
    assert opened != content_hash(red.resize((3, 4)))
    assert opened != content_hash(Image.new("RGB", (4, 3), "blue"))
