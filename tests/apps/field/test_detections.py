from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from metaadapter.apps.field.detections import read_detections
from metaadapter.data.crop import Box
from metaadapter.errors import DataError

BOX = [0.1, 0.2, 0.3, 0.4]


def megadetector(version, **image):
    return {
        "info": {"format_version": version, "detector": "md_v5a.0.0.pt"},
        "detection_categories": {"1": "animal", "2": "person"},
        "images": [{"file": "a\\1.jpg", **image}],
    }


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6"])
def test_megadetector__any_version__gives_boxes_with_names_of_categories(write_json, version):
    boxes = [{"category": "2", "conf": 0.9, "bbox": BOX}, {"category": "1", "conf": 1, "bbox": BOX}]

    read = read_detections(write_json(megadetector(version, detections=boxes)))

    frame = read.of(Path("frames/a/1.jpg"), [Path("frames")])
    boxes = [(box.category, box.confidence) for box in frame.detections]
    assert boxes == [("person", 0.9), ("animal", 1.0)]
    assert frame.detections[0].box == Box(*BOX)
    assert frame.above(0.95) == frame.detections[1:]
    assert read.classified == {"animal"}


def test_megadetector__failed_frame__has_a_reason_and_no_box(write_json):
    value = megadetector("1.6", detections=None, failure="Failure image access")

    assert read_detections(write_json(value)).frames["a/1.jpg"].failure == "Failure image access"


def test_megadetector__time_of_a_frame__is_read(write_json):
    value = megadetector("1.4", detections=[], datetime="2024:05:01 06:12:33")

    time = read_detections(write_json(value)).frames["a/1.jpg"].time

    assert time == datetime(2024, 5, 1, 6, 12, 33)


def test_megadetector__impossible_box__fails_its_frame_and_no_other(write_json):
    value = megadetector("1.5", detections=[{"category": "1", "conf": 0.5, "bbox": [2, 0, 1, 1]}])
    value["images"].append({"file": "b.jpg", "detections": []})

    frames = read_detections(write_json(value)).frames

    assert "not a rectangle" in frames["a/1.jpg"].failure
    assert frames["b.jpg"].failure == ""


def test_speciesnet__predictions__give_boxes_and_failures(write_json):
    value = {
        "predictions": [
            {
                "filepath": "b/2.jpg",
                "detections": [{"category": "1", "label": "animal", "conf": 0.8, "bbox": BOX}],
                "prediction": "…;red fox",
                "prediction_score": 0.9,
            },
            {"filepath": "b/3.jpg", "failures": ["DETECTOR"]},
        ]
    }

    read = read_detections(write_json(value))

    assert read.frames["b/2.jpg"].detections[0].category == "animal"
    assert read.frames["b/3.jpg"].failure == "DETECTOR"


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("[]", "not an object"),
        ("{", "no such JSON file"),
        ({"info": {}}, "images: Field required"),
        (megadetector("1.5", detections=[{"category": "1", "conf": "x", "bbox": BOX}]), "conf"),
        (megadetector("1.5", detections=[{"category": "1", "conf": 1, "bbox": [1]}]), "bbox"),
    ],
)
def test_read__other_content__says_what_was_expected_and_where(write_json, value, named):
    with pytest.raises(DataError, match="as MegaDetector") as caught:
        read_detections(write_json(value))

    assert named in str(caught.value)


def test_read__missing_file__is_told(tmp_path):
    with pytest.raises(DataError, match="cannot read the detections"):
        read_detections(tmp_path / "none.json")


@pytest.mark.parametrize("name", ["a/1.jpg", "./a/1.jpg", "frames/a/1.jpg", "ABSOLUTE"])
def test_of__name_from_a_folder_as_given_or_whole__finds_the_frame(write_json, name):
    path = Path("frames/a/1.jpg")
    value = megadetector("1.5", detections=[])
    value["images"][0]["file"] = name.replace("ABSOLUTE", str(path.absolute()))

    assert read_detections(write_json(value)).of(path, [Path("frames")]) is not None


def test_require_some__file_of_other_pictures__names_both_sides(write_json):
    read = read_detections(write_json(megadetector("1.5", detections=[])))

    with pytest.raises(DataError, match=r"'a/1.jpg'.*the first picture is other/9.jpg"):
        read.require_some([Path("other/9.jpg")], [])
