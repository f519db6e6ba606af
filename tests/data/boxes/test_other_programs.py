"""Other programs read our files as they read their own, and we read theirs without loss.

Each test is skipped where its program is missing (dependency group `box-readers`).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from metaadapter.data.boxes.formats import read_boxes, write_boxes
from metaadapter.data.boxes.frame_detections import WHOLE, Detection, FrameDetections
from metaadapter.data.boxes.listing import in_pixels

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
LABELS = ("red fox", "deer")
CONFIG = """<View><Image name="image" value="$image"/>
<RectangleLabels name="label" toName="image"><Label value="red fox"/><Label value="deer"/>
</RectangleLabels></View>"""
CHOICES = """<View><Image name="image" value="$image"/>
<Choices name="choice" toName="image"><Choice value="red fox"/><Choice value="deer"/>
</Choices></View>"""


@pytest.fixture
def scored(animals):
    """The boxes of the fixture with confidences, as predictions have them."""
    frames = [
        frame._replace(
            detections=tuple(
                box._replace(confidence=0.5 + 0.125 * number)
                for number, box in enumerate(frame.detections)
            )
        )
        for frame in animals.frames
    ]
    return animals._replace(frames=frames)


def draw(listing, folder):
    for frame in listing.frames:
        place = folder / frame.file
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((*frame.size[::-1], 3), np.uint8)).save(place)


def boxes(listing, *, scores=True):
    """Name of a picture without its ending → its labels, boxes and confidences."""
    return {
        Path(frame.file.removeprefix("images/")).with_suffix("").as_posix(): [
            (box.category, pytest.approx(box.box, abs=1e-4), *([box.confidence] * scores))
            for box in frame.detections
        ]
        for frame in listing.frames
    }


def plain(listing, *, scores=True):
    return {
        Path(frame.file.removeprefix("images/")).with_suffix("").as_posix(): [
            (box.category, tuple(box.box), *([box.confidence] * scores)) for box in frame.detections
        ]
        for frame in listing.frames
    }


def test_coco__by_pycocotools__has_the_boxes_and_scores(scored, tmp_path, capsys):
    module = pytest.importorskip("pycocotools.coco")
    write_boxes(scored, "coco", tmp_path / "boxes.json")

    coco = module.COCO(str(tmp_path / "boxes.json"))

    names = {category["id"]: category["name"] for category in coco.loadCats(coco.getCatIds())}
    read = {}
    for image in coco.loadImgs(coco.getImgIds()):
        read[image["file_name"]] = [
            (names[box["category_id"]], box["bbox"], box["score"])
            for box in coco.loadAnns(coco.getAnnIds(image["id"]))
        ]
    assert read == {
        frame.file: [
            (box.category, pytest.approx([*in_pixels(box.box, frame.size)]), box.confidence)
            for box in frame.detections
        ]
        for frame in scored.frames
    }


@pytest.fixture
def yolo(scored, tmp_path):
    """Predictions as YOLO's folder, with a link to the pictures as the documentation has it."""
    write_boxes(scored, "yolo", tmp_path / "set")
    draw(scored, tmp_path / "photos")
    (tmp_path / "set/images").symlink_to(tmp_path / "photos")
    return tmp_path / "set"


def test_yolo__by_datumaro__has_the_boxes(animals, yolo):
    datumaro = pytest.importorskip("datumaro")

    dataset = datumaro.Dataset.import_from(str(yolo), "yolo")

    names = [label.name for label in dataset.categories()[datumaro.AnnotationType.label]]
    sizes = {frame.file: frame.size for frame in animals.frames}
    read = {}
    for item in dataset:
        file = Path(item.media.path).relative_to(yolo / "images")
        width, height = sizes[file.as_posix()]
        read[file.with_suffix("").as_posix()] = [
            (names[box.label], (box.x / width, box.y / height, box.w / width, box.h / height))
            for box in item.annotations
        ]
    # It leaves pictures without a box out where no picture of the folder has one.
    expected = boxes(animals, scores=False)
    assert {name: read.get(name, []) for name in expected} == expected


def test_voc__by_torchvision__has_the_boxes(animals, tmp_path):
    pytest.importorskip("torchvision")
    from torchvision.datasets import VOCDetection

    place = tmp_path / "VOCdevkit/VOC2012"
    write_boxes(animals, "voc", place)
    lists = place / "ImageSets/Main"
    (lists / "default.txt").rename(lists / "train.txt")
    draw(animals, place / "JPEGImages")

    read = VOCDetection(str(tmp_path), image_set="train")

    for (picture, target), frame in zip(read, animals.frames, strict=True):
        annotation = target["annotation"]
        assert (annotation["filename"], picture.size) == (frame.file, frame.size)
        found = [
            (item["name"], {side: float(value) for side, value in item["bndbox"].items()})
            for item in annotation.get("object", [])
        ]
        assert [(name, [*sides.values()]) for name, sides in found] == [
            (box.category, pytest.approx([left, top, left + width, top + height]))
            for box in frame.detections
            for left, top, width, height in [in_pixels(box.box, frame.size)]
        ]


@pytest.fixture
def label_studio():
    pytest.importorskip("label_studio_sdk")
    from label_studio_sdk.converter import Converter

    return Converter


def test_predictions__for_label_studio__keep_the_rules_of_its_projects(scored, tmp_path):
    pytest.importorskip("label_studio_sdk")
    from label_studio_sdk.label_interface import LabelInterface

    whole = Detection("deer", 0.75, WHOLE)
    choices = scored._replace(frames=[FrameDetections("1.jpg", (whole,))])
    for config, listing in ((CONFIG, scored), (CHOICES, choices)):
        write_boxes(listing, "label-studio", tmp_path / "tasks.json")
        interface = LabelInterface(config)
        for task in json.loads((tmp_path / "tasks.json").read_text()):
            interface.validate_task({"data": task["data"]})
            for prediction in task["predictions"]:
                assert interface.validate_prediction(prediction, return_errors=True) == []


@pytest.mark.parametrize("kind", ["JSON", "COCO", "YOLO", "VOC"])
def test_boxes__through_the_exports_of_label_studio__come_back(
    label_studio, animals, tmp_path, kind
):
    # Its converter of VOC leaves out tasks without an annotation, and YOLO joins names of folders.
    write_boxes(animals, "label-studio", tmp_path / "tasks.json")
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    for number, task in enumerate(tasks):
        task["data"]["image"] = f"/data/upload/1/{number}{number:07}-{number}.jpg"
        task["annotations"] = task.pop("predictions")
        task["annotations"][0] |= {"id": number, "created_at": "", "lead_time": 1.0}
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    for number, frame in enumerate(animals.frames):
        picture = FrameDetections(f"{number}{number:07}-{number}.jpg", (), size=frame.size)
        draw(animals._replace(frames=[picture]), tmp_path / "upload/1")

    converter = label_studio(CONFIG, str(tmp_path / "upload"), upload_dir=str(tmp_path / "upload"))
    converter.convert(str(tmp_path / "tasks.json"), str(tmp_path / "out"), kind, is_dir=False)

    place = tmp_path / "out"
    if kind not in ("YOLO", "VOC"):
        (place,) = [file for file in place.iterdir() if file.is_file()]
    read = {Path(name).name[-1]: found for name, found in plain(read_boxes(place)).items()}
    expected = {str(number): found for number, found in enumerate(boxes(animals).values()) if found}
    assert {name: found for name, found in read.items() if found} == expected


@pytest.fixture
def fiftyone(tmp_path, monkeypatch):
    """Its importers and exporters, which need no database."""
    monkeypatch.setenv("FIFTYONE_DO_NOT_TRACK", "1")
    monkeypatch.setenv("HOME", str(tmp_path))
    return pytest.importorskip("fiftyone")


def test_coco__by_the_importer_of_fiftyone__has_the_boxes_and_confidences(
    fiftyone, scored, tmp_path
):
    from fiftyone.utils.coco import COCODetectionDatasetImporter

    write_boxes(scored, "coco", tmp_path / "boxes.json")
    draw(scored, tmp_path / "photos")

    importer = COCODetectionDatasetImporter(
        data_path=str(tmp_path / "photos"), labels_path=str(tmp_path / "boxes.json")
    )
    with importer:
        read = {
            Path(path).relative_to(tmp_path / "photos").with_suffix("").as_posix(): [
                (box.label, tuple(box.bounding_box), box.confidence)
                for found in (label or {}).values()
                for box in found.detections
            ]
            for path, _, label in importer
        }

    assert read == boxes(scored)


def test_coco__by_the_exporter_of_fiftyone__has_the_boxes(fiftyone, animals, tmp_path):
    from fiftyone.utils.coco import COCODetectionDatasetExporter

    draw(animals, tmp_path / "photos")
    exporter = COCODetectionDatasetExporter(
        export_dir=str(tmp_path / "out"), export_media=True, classes=list(LABELS)
    )
    with exporter:
        for frame in animals.frames:
            found = [
                fiftyone.Detection(label=box.category, bounding_box=[*box.box])
                for box in frame.detections
            ]
            path = tmp_path / "photos" / frame.file
            metadata = fiftyone.ImageMetadata(width=frame.size[0], height=frame.size[1])
            exporter.export_sample(str(path), fiftyone.Detections(detections=found), metadata)

    read = plain(read_boxes(tmp_path / "out/labels.json"), scores=False)
    assert sorted(read.values()) == sorted(boxes(animals, scores=False).values())


def test_yolo__by_ultralytics__has_the_boxes(animals, yolo, tmp_path, monkeypatch):
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path / "settings"))
    utils = pytest.importorskip("ultralytics.data.utils")
    from ultralytics.data.dataset import YOLODataset

    facts = utils.check_det_dataset(str(yolo / "data.yaml"), autodownload=False)

    for split in ("train", "val"):
        read = YOLODataset(img_path=facts[split], data=facts, imgsz=64, augment=False)
        found = {}
        for label in read.labels:
            corners = [
                (x - width / 2, y - height / 2, width, height)
                for x, y, width, height in label["bboxes"].tolist()
            ]
            name = Path(label["im_file"]).relative_to(yolo / "images").with_suffix("")
            labels = [facts["names"][int(number)] for number in label["cls"][:, 0]]
            found[name.as_posix()] = [*zip(labels, corners, strict=True)]
        assert found == boxes(animals, scores=False)
