"""Boxes as labelled pictures: where their pictures are looked for, and what users are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from metaadapter.data.boxes.boxed_table import boxed_table
from metaadapter.data.boxes.formats import write_boxes
from metaadapter.data.boxes.frame_detections import WHOLE, Detection, FrameDetections
from metaadapter.data.boxes.listing import Listing, checked
from metaadapter.data.crop import Box
from metaadapter.data.reader import read_images
from metaadapter.errors import DataError, UsageError

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


def test_box__of_the_whole_picture__is_the_picture_itself(table):
    (row,) = table(listing_of(("fox", WHOLE))).rows

    assert (row.box, row.group) == (None, None)


def test_label__in_two_forms_of_unicode__is_one_class(table):
    rows = table(listing_of(("Re\u0301nard", BOX), ("R\u00e9nard", (0, 0, 0.5, 0.5)))).rows

    assert {row.label for row in rows} == {"R\u00e9nard"}


def test_box__beyond_the_picture__is_cut_at_the_edge_and_told(table):
    read = table(listing_of(("fox", (0.5, 0.5, 1.5, 0.25)), ("fox", BOX)))

    assert read.rows[0].box == Box(0.5, 0.5, 0.5, 0.25)
    assert "1 box(es)" in read.warnings[0]
    assert "reach beyond their pictures" in read.warnings[0]


@pytest.mark.parametrize(
    "box", [(2, 0, 1, 1), (0.5, 0.5, 0, 0.5), (0.5, 0.5, -0.1, 0.5), (-2, 0, 1, 1)]
)
def test_box__outside_or_without_an_area__is_left_out_and_told(table, box):
    read = table(listing_of(("fox", BOX), ("deer", box)))

    assert read.classes == ("fox",)
    assert "are no rectangles in their pictures" in read.warnings[0]
    assert "1.jpg" in read.warnings[0]


def test_box__in_pixels__is_measured_by_the_picture(table):
    (row,) = table(listing_of(("fox", (50, 25, 100, 50)), in_pixels=True)).rows

    assert row.box == BOX


def test_box__tiny_or_huge__is_used_and_told(table):
    tiny, huge = (0.5, 0.5, 0.07, 0.15), (0.01, 0.01, 0.98, 0.97)

    read = table(listing_of(("fox", tiny), ("deer", huge), ("hog", (0, 0, 0.08, 0.1))))

    assert len(read.rows) == 3
    assert [line.split(" (")[0] for line in read.warnings] == [
        "1 boxes are shorter than 16 pixels, which show little",
        "1 boxes take nearly their whole pictures",
    ]


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


def test_boxes__none_left__is_refused_with_the_reasons(table):
    with pytest.raises(DataError, match=r"leaves none to use; 1 boxes have no label"):
        table(listing_of(("", BOX)))


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


def test_picture__made_smaller_since__keeps_its_boxes(table):
    (row,) = table(listing_of(("fox", BOX), size=(2000, 1005))).rows

    assert row.box == BOX


def test_pictures__missing__are_named(table):
    listing = listing_of(("fox", BOX))
    others = [listing.frames[0]._replace(file=f"{name}.jpg") for name in "abcd"]

    read = table(listing._replace(frames=[*listing.frames, *others]))

    assert read.warnings[0].startswith("4 pictures are missing and left out (")
    assert read.warnings[0].endswith(": a.jpg, b.jpg, c.jpg and 1 more")


def test_pictures__two_names_of_one_file__are_refused(table):
    listing = listing_of(("fox", BOX), file="a/1.jpg")
    other = listing.frames[0]._replace(file="b/1.jpg")

    with pytest.raises(DataError, match=r"'a/1\.jpg' and 'b/1\.jpg', and both would be"):
        table(listing._replace(frames=[*listing.frames, other]))


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


def test_pictures__of_two_splits_with_the_same_names__are_those_of_the_file(tmp_path):
    for split in ("train", "val"):
        draw(tmp_path / "images" / split / "1.jpg")
    (tmp_path / "annotations").mkdir()

    for split in ("train", "val"):
        source = tmp_path / f"annotations/instances_{split}.json"
        (row,) = boxed_table(listing_of(("fox", BOX)), source, labelled=True).rows
        assert row.path.parent.name == split


@pytest.mark.parametrize("prefix", ["0a1b2c3d-", "images/0a1b2c3d__"])
def test_upload__of_label_studio__is_found_without_its_prefix(tmp_path, prefix):
    draw(tmp_path / "photos/fox.jpg")
    listing = listing_of(("fox", BOX), file=f"{prefix}fox.jpg")

    (row,) = boxed_table(listing, tmp_path / "export.json", labelled=True).rows

    assert row.path.name == "fox.jpg"


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


def test_read_images__pictures_of_a_source_without_boxes__are_refused(tmp_path):
    draw(tmp_path / "photos/fox/1.jpg")

    with pytest.raises(UsageError, match="has no boxes"):
        read_images(tmp_path / "photos", n_classes=1, pictures=tmp_path)


def test_read_images__coop_split__is_no_boxes(tmp_path):
    draw(tmp_path / "1.jpg")
    (tmp_path / "split.json").write_text(json.dumps({"train": [["1.jpg", 0, "fox"]]}))

    assert read_images(tmp_path / "split.json", n_classes=1).source == "CoOp split JSON"


def test_read_images__class_folders_with_other_files__stay_class_folders(tmp_path):
    for name in ("fox", "labels"):
        draw(tmp_path / name / "1.jpg")
    for name in ("package.xml", "notes.yaml", "classes.json"):
        (tmp_path / name).write_text("<package/>" if name.endswith("xml") else "[]")

    assert read_images(Path(tmp_path)).source == "class-per-folder"
