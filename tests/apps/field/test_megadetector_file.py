"""Files keep the rules of the format, by its own validator where that is installed."""

from __future__ import annotations

import json
import re

import pytest

from metaadapter.apps.field.detections import read_detections
from metaadapter.apps.field.megadetector_file import MegaDetectorFile
from metaadapter.data.crop import Box
from metaadapter.data.inputs import UnreadableImage
from metaadapter.workflow.prediction.predictions import Prediction

LABELS = ["deer", "empty", "fox", "canine", "unknown"]
SHARES = {"deer": 0.1, "empty": 0.2, "fox": 0.7}
BOX = Box(0.1, 0.2, 0.3, 0.4)
DETECTIONS = {
    "info": {"format_version": "1.3", "detector": "md_v5a.0.0.pt", "detector_metadata": {"a": 1}},
    "detection_categories": {"1": "animal", "2": "person"},
    "classification_categories": {"0": "elk"},
    "images": [
        {
            "file": "a\\1.jpg",
            "detections": [
                {"category": "2", "conf": 0.4, "bbox": [0, 0, 1, 1]},
                {"category": "1", "conf": 0.9, "bbox": [*BOX], "classifications": [["0", 0.9]]},
                {"category": "1", "conf": 0.1, "bbox": [0.5, 0.5, 0.1, 0.1]},
            ],
        },
        {"file": "a/2.jpg", "detections": []},
        {"file": "a/3.jpg", "failure": "Failure image access", "detections": None},
    ],
}


def answer(path, label="fox", share=0.7, shares=SHARES, box=None):
    kind = None if box is None else "animal"
    return Prediction(path, label, share, "empty", 0.2, False, shares, box=box, detected=kind)


def faults(document):
    """The places that break a rule of the format, as its description has them."""
    result = []
    info = document["info"]
    if not (isinstance(info["format_version"], str) and float(info["format_version"]) == 1.6):
        result.append("format_version")
    for kind in ("detection_categories", "classification_categories"):
        names = document[kind]
        if not all(re.fullmatch(r"\d+", number) and names[number].strip() for number in names):
            result.append(kind)
    for image in document["images"]:
        if image.get("failure") is not None:
            result += ["failed frame with boxes"] if image["detections"] is not None else []
            continue
        for box in image["detections"]:
            is_whole = isinstance(box["conf"], float) and 0 <= box["conf"] <= 1
            if not is_whole or box["category"] not in document["detection_categories"]:
                result.append(f"box {box}")
            shares = [share for _, share in box.get("classifications", [])]
            known = [name for name, _ in box.get("classifications", [])]
            if sorted(shares, reverse=True) != shares:
                result.append(f"order {shares}")
            if not {*known} <= document["classification_categories"].keys():
                result.append(f"names {known}")
    return result


@pytest.fixture
def written(tmp_path, write_json):
    detections = read_detections(write_json(DETECTIONS))
    file, folder = tmp_path / "out.json", tmp_path / "frames"
    answers = [answer(str(folder / "a/1.jpg"), box=BOX), answer(str(folder / "a/2.jpg"), "empty")]
    unreadable = [UnreadableImage(folder / "a/3.jpg", "the detector says: Failure image access")]

    MegaDetectorFile("metaadapter x", LABELS, folder, detections, [folder]).write(
        file, [answers[0], answers[1]._replace(probabilities={})], unreadable
    )
    return file


def test_file__with_detections__keeps_all_boxes_and_classifies_the_answered_one(written):
    document = json.loads(written.read_text())

    one, two, three = document["images"]
    assert faults(document) == []
    assert [image["file"] for image in (one, two, three)] == ["a\\1.jpg", "a/2.jpg", "a/3.jpg"]
    assert [box["bbox"] for box in one["detections"]] == [
        box["bbox"] for box in DETECTIONS["images"][0]["detections"]
    ]
    assert [box.get("classifications") for box in one["detections"]] == [
        None,
        [["2", 0.7], ["1", 0.2], ["0", 0.1]],
        None,
    ]
    assert (two["detections"], three["detections"]) == ([], None)
    assert document["info"]["detector"] == "md_v5a.0.0.pt"
    assert document["info"]["detector_metadata"] == {"a": 1}


def test_file__by_the_validator_of_megadetector__has_no_error(written):
    module = pytest.importorskip("megadetector.postprocessing.validate_batch_results")

    result = module.validate_batch_results(str(written))["validation_results"]

    assert (result["errors"], result["warnings"]) == ([], [])
