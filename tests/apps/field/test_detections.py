from __future__ import annotations

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


def speciesnet_5(*boxes):
    """A frame of SpeciesNet 5; a box is (category, confidence, raw scores, final answer)."""
    detections = [
        {
            "category": category,
            "label": "whole_image_classification" if category == "0" else "animal",
            "conf": conf,
            "bbox": [0, 0, 1, 1] if category == "0" else BOX,
            **(
                {"raw_classifications": {"classes": [*raw], "scores": [*raw.values()]}}
                if raw
                else {}
            ),
            **({"processed_classification": final} if final else {}),
        }
        for category, conf, raw, final in boxes
    ]
    return {"predictions": [{"filepath": "a/1.jpg", "detections": detections}]}


FOX = "uuid;mammalia;carnivora;canidae;vulpes;vulpes;red fox"


def test_speciesnet_5__whole_image__is_no_box_and_classifies_all_boxes(write_json):
    final = {"class": FOX, "score": 0.9, "source": "classifier"}
    value = speciesnet_5(
        ("0", 1.0, {FOX: 0.9}, final), ("1", 0.8, None, None), ("2", 0.3, None, None)
    )

    (first, second) = read_detections(write_json(value)).frames["a/1.jpg"].detections

    assert (first.category, first.confidence, first.species) == ("animal", 0.8, {FOX: 0.9})
    assert (second.category, second.species) == ("person", {FOX: 0.9})


def test_megadetector__classifications__are_species_where_the_file_describes_them(write_json):
    box = {"category": "1", "conf": 0.9, "bbox": BOX, "classifications": [["7", 0.8], ["8", 0.1]]}
    value = megadetector("1.6", detections=[box])
    value["classification_category_descriptions"] = {"7": FOX, "8": "a fox"}

    (detection,) = read_detections(write_json(value)).frames["a/1.jpg"].detections

    assert detection.species == {FOX: 0.8}


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("5", "none of these"),
        ("{", "is wrong: Expecting property name"),
        ({"info": {}}, "none of these"),
        ({"images": [{}]}, "images.0.file: Field required"),
        (megadetector("1.5", detections=[{"category": "1", "conf": "x", "bbox": BOX}]), "conf"),
        (
            megadetector("1.5", detections=[{"category": "0", "conf": 1, "bbox": BOX}]),
            "category '0'",
        ),
        (megadetector("1.5", detections=[{"category": "1", "conf": 1, "bbox": [1]}]), "bbox"),
    ],
)
def test_read__other_content__says_what_was_expected_and_where(write_json, value, named):
    with pytest.raises(DataError, match="expected boxes of COCO, YOLO") as caught:
        read_detections(write_json(value))

    assert named in str(caught.value)


def test_of__subfolder_of_the_run__finds_the_frame_of_its_own_camera(write_json):
    value = megadetector("1.5", detections=[])
    value["images"] = [{"file": name, "detections": []} for name in ("1.jpg", "a/1.jpg", "b/1.jpg")]

    read = read_detections(write_json(value))

    assert read.of(Path("frames/b/1.jpg"), [Path("frames/b")]).file == "b/1.jpg"
    read.require_some([Path("frames/b/1.jpg")], [Path("frames/b")])


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ("/home/ann/trap/a/1.jpg", ["a/1.jpg"]),
        ("C:\\trap\\a\\1.jpg", ["a/1.jpg"]),
        ("trap/a/1.jpg", []),  # relative to a folder that is here, but another one
    ],
)
def test_matched__names_of_another_machine__leave_out_its_folders(write_json, listed, found):
    value = megadetector("1.5", detections=[])
    value["images"][0]["file"] = listed
    paths, folders = [Path("new/a/1.jpg"), Path("new/b/1.jpg")], [Path("new")]

    read = read_detections(write_json(value)).matched(paths, folders)

    listed = [path.relative_to("new").as_posix() for path in paths if read.of(path, folders)]
    assert listed == found
    assert len(read.warnings) == len(found)


def test_matched__names_that_would_be_equal__stay(write_json):
    value = megadetector("1.5", detections=[])
    value["images"] = [{"file": f"/{camera}/1.jpg", "detections": []} for camera in "ab"]

    read = read_detections(write_json(value))

    assert read.matched([Path("new/1.jpg")], [Path("new")]) is read


@pytest.mark.parametrize("prefix", ["6f78fa69-", "6f78fa69__"])
def test_of__upload_of_label_studio__is_the_picture_that_was_uploaded(write_json, prefix):
    value = megadetector("1.5", detections=[])
    files = [f"{prefix}a.jpg", f"{prefix}b.jpg", "12345678-b.jpg"]
    value["images"] = [{"file": f"images/{file}", "detections": []} for file in files]

    read = read_detections(write_json(value))

    assert read.of(Path("images/a.jpg"), []) is not None
    assert read.of(Path("images/b.jpg"), []) is None  # which of two uploads
