"""Boxes as labelled pictures: where their pictures are looked for, and what users are told."""

from __future__ import annotations

import json

import pytest
from PIL import ExifTags, Image

from metaadapter.data.boxes.boxed_table import boxed_table
from metaadapter.data.boxes.formats import write_boxes
from metaadapter.data.boxes.frame_detections import Detection, FrameDetections
from metaadapter.data.boxes.listing import Listing, checked
from metaadapter.data.crop import Box
from metaadapter.data.reader import read_images
from metaadapter.errors import DataError

BOX = Box(0.25, 0.25, 0.5, 0.5)


def draw(path, size=(200, 100), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path, **options)


def listing_of(*boxes, file="1.jpg", **facts):
    detections = tuple(Detection(label, 1.0, Box(*box)) for label, box in boxes)
    return Listing("COCO", {}, [FrameDetections(file, detections, **facts)])


@pytest.fixture
def table(tmp_path):
    """The table of a listing whose one picture has 200 x 100 pixels."""
    draw(tmp_path / "1.jpg")

    def read(listing, *, labelled=True, **options):
        place = tmp_path / "boxes.json"
        return boxed_table(checked(listing), place, labelled=labelled, **options)

    return read


def test_boxes__each__are_rows_of_one_group(table, tmp_path):
    rows = table(listing_of(("fox", BOX), ("red  deer\n", (0.5, 0.5, 0.5, 0.5)))).rows

    assert [(row.path, row.label, row.box) for row in rows] == [
        (tmp_path / "1.jpg", "fox", BOX),
        (tmp_path / "1.jpg", "red deer", Box(0.5, 0.5, 0.5, 0.5)),
    ]
    assert len({row.group for row in rows}) == 1
    assert rows[0].group is not None


def test_box__beyond_the_picture__is_cut_at_the_edge_and_told(table):
    read = table(listing_of(("fox", (0.5, 0.5, 1.5, 0.25)), ("fox", BOX)))

    assert read.rows[0].box == Box(0.5, 0.5, 0.5, 0.25)
    assert "1 boxes reach beyond their pictures" in read.warnings[0]


@pytest.mark.parametrize(
    "box", [(2, 0, 1, 1), (0.5, 0.5, 0, 0.5), (0.5, 0.5, -0.1, 0.5), (-2, 0, 1, 1)]
)
def test_box__outside_or_without_an_area__is_left_out_and_told(table, box):
    read = table(listing_of(("fox", BOX), ("deer", box)))

    assert read.classes == ("fox",)
    assert "are no upright rectangles in their pictures" in read.warnings[0]
    assert "1.jpg" in read.warnings[0]


def test_box__without_label_or_sureness__is_no_example(table):
    listing = listing_of(("fox", BOX), ("", (0, 0, 0.5, 0.5)))
    (frame,) = listing.frames
    unsure = Detection("deer", 0.1, Box(0, 0, 0.5, 0.5))
    listing = listing._replace(frames=[frame._replace(detections=(*frame.detections, unsure))])

    read = table(listing)

    assert [row.label for row in read.rows] == ["fox"]
    assert [line.split(" (")[0] for line in read.warnings] == [
        "1 boxes have no label and are left out",
        "1 boxes have a confidence below 0.2 and are left out",
    ]
    assert [row.label for row in table(listing, min_confidence=0.1).rows] == ["fox", "deer"]
    assert [row.label for row in table(listing, labelled=False).rows] == [None, None]


def test_picture__turned_by_exif_since__is_left_out_and_told(table, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    draw(tmp_path / "2.jpg", exif=exif)
    listing = listing_of(("fox", BOX), size=(200, 100))
    turned = listing.frames[0]._replace(file="2.jpg")

    read = table(listing._replace(frames=[*listing.frames, turned]))

    assert [row.path.name for row in read.rows] == ["1.jpg"]
    assert "1 pictures have other proportions" in read.warnings[0]
    assert "2.jpg" in read.warnings[0]


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("annotations/instances_train.json", "train/1.jpg"),
        ("annotations/instances_val.json", "images/val/1.jpg"),
        ("photos/_annotations.coco.json", "photos/1.jpg"),
        ("annotations/instances_default.json", "images/default/1.jpg"),
        ("boxes.json", "photos/1.jpg"),
    ],
)
@pytest.mark.parametrize("name", ["1.jpg", "/home/ann/set/1.jpg", "C:\\sets\\1.jpg"])
def test_pictures__near_the_file__are_found(tmp_path, file, place, name):
    draw(tmp_path / "set" / place)
    draw(tmp_path / "set/other/2.jpg")
    source = tmp_path / "set" / file
    source.parent.mkdir(exist_ok=True)

    (row,) = boxed_table(listing_of(("fox", BOX), file=name), source, labelled=True).rows

    assert row.path.samefile(tmp_path / "set" / place)


def test_read_images__pictures_elsewhere__are_in_the_named_folder(tmp_path):
    draw(tmp_path / "photos/a/1.jpg")
    detections = (Detection("fox", 1.0, BOX), Detection("deer", 1.0, BOX))
    listing = Listing("", {"1": "fox", "2": "deer"}, [FrameDetections("a/1.jpg", detections)])
    (tmp_path / "other/labels").mkdir(parents=True)
    write_boxes(listing, "yolo", tmp_path / "other/set")

    with pytest.raises(DataError, match="--pictures"):
        read_images(tmp_path / "other/set")
    read = read_images(tmp_path / "other/set", pictures=tmp_path / "photos")

    assert read.classes == ("deer", "fox")
    assert read.source == "boxes of YOLO"


@pytest.mark.parametrize("prefix", ["0a1b2c3d-", "images/0a1b2c3d__"])
def test_upload__of_label_studio__is_found_without_its_prefix(tmp_path, prefix):
    draw(tmp_path / "photos/fox.jpg")
    listing = listing_of(("fox", BOX), file=f"{prefix}fox.jpg")

    (row,) = boxed_table(listing, tmp_path / "export.json", labelled=True).rows

    assert row.path.name == "fox.jpg"


def test_coco__pictures_without_a_size__lose_their_boxes_and_the_others_keep_theirs(tmp_path):
    for name in ("1.jpg", "2.jpg"):
        draw(tmp_path / name)
    box = {"category_id": 1, "bbox": [50, 25, 100, 50]}
    value = {
        "images": [
            {"id": 1, "file_name": "1.jpg", "width": 200, "height": 100},
            {"id": 2, "file_name": "2.jpg"},
        ],
        "annotations": [box | {"image_id": 1}, box | {"image_id": 2}],
        "categories": [{"id": 1, "name": "fox"}],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(value))

    read = read_images(tmp_path / "boxes.json", n_classes=1)

    assert [(row.path.name, row.box) for row in read.rows] == [("1.jpg", BOX)]
    assert "whose width and height the file lacks, and are left out" in " ".join(read.warnings)
