from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from metaadapter.data.crop import Box, Crop, cut_out
from metaadapter.data.decode import decode_image
from metaadapter.data.reader import read_images
from metaadapter.errors import DataError
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder


@pytest.fixture
def ramp(tmp_path):
    """A picture, 200 wide and 100 high, whose red tells the column and whose green the row."""
    columns, rows = np.meshgrid(np.arange(200), np.arange(100))
    pixels = np.stack([columns, rows, np.zeros_like(rows)], axis=-1).astype(np.uint8)
    path = tmp_path / "ramp.png"
    Image.fromarray(pixels).save(path)
    return path


def span(picture):
    """First and last column, first and last row of what was cut out."""
    pixels = np.asarray(picture)
    return (
        int(pixels[0, 0, 0]),
        int(pixels[0, -1, 0]),
        int(pixels[0, 0, 1]),
        int(pixels[-1, 0, 1]),
    )


def test_crop__long_box__becomes_a_square_with_a_margin_around_its_middle(ramp):
    picture = decode_image(
        Crop(ramp, Box(0.4, 0.3, 0.2, 0.2))
    )  # 40 wide, 20 high, middle (100, 40)

    assert picture.size == (48, 48)
    assert span(picture) == (76, 123, 16, 63)


def test_crop__box_at_the_edge__is_moved_into_the_picture(ramp):
    assert span(decode_image(Crop(ramp, Box(0.0, 0.0, 0.2, 0.4)))) == (0, 47, 0, 47)
    assert span(decode_image(Crop(ramp, Box(0.8, 0.6, 0.2, 0.4)))) == (152, 199, 52, 99)


def test_crop__encoded__is_as_the_picture_that_was_cut_out(ramp):
    encoder, box = FrozenEncoder.load("tiny-128", zoom=False), Box(0.1, 0.2, 0.3, 0.4)

    rows = encoder.encode_images([Crop(ramp, box), cut_out(decode_image(ramp), box)])

    np.testing.assert_array_equal(rows[0], rows[1])


def test_manifest__columns_of_a_box__give_rows_with_it(ramp):
    manifest = ramp.with_name("m.csv")
    manifest.write_text(
        "path,label,box_left,box_top,box_width,box_height\n"
        "ramp.png,fox,0.1,0.2,0.3,0.4\n"
        "ramp.png,lynx,,,,\n"
    )

    rows = read_images(manifest).rows

    assert [row.box for row in rows] == [Box(0.1, 0.2, 0.3, 0.4), None]
    assert [row.picture for row in rows] == [Crop(ramp, rows[0].box), ramp]


@pytest.mark.parametrize("sides", ["0.1,0.2,0.3,", "0.1,0.2,0.3,x", "0.9,0,0.3,0.3", "0,0,0,0.3"])
def test_manifest__no_rectangle__is_refused_with_its_line(ramp, sides):
    manifest = ramp.with_name("m.csv")
    head = "path,label,box_left,box_top,box_width,box_height\n"
    manifest.write_text(f"{head}ramp.png,fox,0,0,1,1\nramp.png,lynx,{sides}\n")

    with pytest.raises(DataError, match="a rectangle in the picture, in line 3"):
        read_images(manifest)
