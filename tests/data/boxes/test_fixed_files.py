"""Files in the shape that the documentation of each program shows, and what they mean."""

from __future__ import annotations

import json

import pytest

from metaadapter.data.boxes.formats import read_boxes
from metaadapter.data.boxes.frame_detections import WHOLE


def boxes(listing):
    """Name → its labels and boxes, to six digits."""
    return {
        frame.file: [
            (box.category, *(round(side, 6) for side in box.box)) for box in frame.detections
        ]
        for frame in listing.frames
    }


def test_coco__of_its_documentation(tmp_path):
    value = {
        "info": {"year": 2017},
        "licenses": [],
        "images": [
            {"id": 397133, "file_name": "000000397133.jpg", "width": 640, "height": 400},
            {"id": 2, "file_name": "2.jpg", "width": 100, "height": 200},
        ],
        "annotations": [
            {
                "id": 1,
                "image_id": 397133,
                "category_id": 18,
                "segmentation": [[64, 40, 128, 40, 128, 80]],
                "area": 1280.0,
                "bbox": [64.0, 40.0, 64.0, 40.0],
                "iscrowd": 0,
            },
            {
                "id": 3,
                "image_id": 397133,
                "category_id": 1,
                "segmentation": {"counts": [1, 2], "size": [400, 640]},
                "bbox": [0, 0, 640, 400],
                "iscrowd": 1,
            },
            {"id": 4, "image_id": 2, "category_id": 1, "bbox": [10, 20, 30, 40]},
        ],
        "categories": [
            {"supercategory": "person", "id": 1, "name": "person"},
            {"supercategory": "animal", "id": 18, "name": "dog"},
        ],
    }
    (tmp_path / "1.json").write_text(json.dumps(value))

    read = read_boxes(tmp_path / "1.json")

    assert boxes(read) == {
        "000000397133.jpg": [("dog", 0.1, 0.1, 0.1, 0.1)],
        "2.jpg": [("person", 0.1, 0.1, 0.3, 0.2)],
    }
    assert read.categories == {"1": "person", "18": "dog"}
    assert "1 boxes are no upright rectangles" in read.warnings("X")[0]


@pytest.fixture
def yolo(tmp_path):
    """A folder as Ultralytics documents it, with polygons and boxes."""
    (tmp_path / "coco8/images/train").mkdir(parents=True)
    (tmp_path / "coco8/labels/train").mkdir(parents=True)
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / "coco8/images/train" / name).touch()
    (tmp_path / "coco8/labels/train/1.txt").write_text(
        "45 0.5 0.5 0.2 0.4\n45 0.1 0.1 0.3 0.1 0.3 0.5\n0 0.5 0.5 0.2 0.4 0.25\n"
    )
    (tmp_path / "coco8/data.yaml").write_text(
        "path: ../datasets/coco8 # dataset root dir\ntrain: images/train\nval:\n"
        "names:\n  0: person\n  45: 'bowl: deep'\n"
    )
    return tmp_path / "coco8"


def test_yolo__of_ultralytics(yolo):
    read = read_boxes(yolo)

    assert boxes(read) == {
        "images/train/1.jpg": [
            ("bowl: deep", 0.4, 0.3, 0.2, 0.4),
            ("bowl: deep", 0.1, 0.1, 0.2, 0.4),
            ("person", 0.4, 0.3, 0.2, 0.4),
        ],
        "images/train/2.jpg": [],
    }
    assert read.frames[0].detections[2].confidence == 0.25
    assert read.frames[0].split == "train"
    assert read_boxes(yolo / "data.yaml") == read


def test_yolo__of_roboflow__has_its_folders_beside_data_yaml(tmp_path):
    for split in ("train", "valid"):
        (tmp_path / split / "images").mkdir(parents=True)
        (tmp_path / split / "labels").mkdir()
        (tmp_path / split / "images/1.jpg").touch()
        (tmp_path / split / "labels/1.txt").write_text("0 0.5 0.5 0.2 0.4\n")
    (tmp_path / "data.yaml").write_text(
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n"
        "nc: 1\nnames: ['fox']\n"
    )

    read = read_boxes(tmp_path)

    assert boxes(read) == {
        f"{split}/images/1.jpg": [("fox", 0.4, 0.3, 0.2, 0.4)] for split in ("train", "valid")
    }
    assert [frame.split for frame in read.frames] == ["train", "val"]


def test_yolo__of_label_studio__has_classes_txt(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    (tmp_path / "images/0a1b2c3d-1.jpg").touch()
    (tmp_path / "labels/0a1b2c3d-1.txt").write_text("1 0.5 0.5 0.2 0.4\n")
    (tmp_path / "classes.txt").write_text("deer\nred fox\n")

    assert boxes(read_boxes(tmp_path)) == {
        "images/0a1b2c3d-1.jpg": [("red fox", 0.4, 0.3, 0.2, 0.4)]
    }


VOC = """<annotation>
  <folder>VOC2012</folder><filename>2007_000027.jpg</filename>
  <source><database>The VOC2007 Database</database></source>
  <size><width>500</width><height>400</height><depth>3</depth></size>
  <object>
    <name>person</name><pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>
    <bndbox><xmin>50</xmin><ymin>40</ymin><xmax>150</xmax><ymax>240</ymax></bndbox>
    <part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox>
    </part>
  </object>
  <object>
    <name>ship</name>
    <robndbox><cx>250</cx><cy>200</cy><w>100</w><h>50</h><angle>1.5707963267948966</angle></robndbox>
  </object>
</annotation>"""


@pytest.mark.parametrize("place", ["Annotations/2007_000027.xml", "2007_000027.xml"])
def test_voc__of_its_documentation(tmp_path, place):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text(VOC)
    (tmp_path / "ImageSets/Main").mkdir(parents=True)
    (tmp_path / "ImageSets/Main/val.txt").write_text("2007_000027\n")
    (tmp_path / "ImageSets/Main/person_val.txt").write_text("2007_000027 -1\n")

    read = read_boxes(tmp_path)

    assert boxes(read) == {"2007_000027.jpg": [("person", 0.1, 0.1, 0.2, 0.5)]}
    assert read.frames[0].split == "val"
    assert "1 boxes are no upright rectangles" in read.warnings("X")[0]


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><id>4</id><name>segmentation</name><mode>annotation</mode>
    <labels><label><name>car</name><attributes></attributes></label><label><name>road</name></label>
    </labels></task></meta>
  <image id="0" name="a/filename000.jpg" width="1600" height="1200" subset="Train">
    <box label="car" xtl="160.00" ytl="120.00" xbr="320.00" ybr="600.00" occluded="0" z_order="1">
      <attribute name="model">a</attribute>
    </box>
    <box label="car" xtl="100" ytl="100" xbr="300" ybr="200" rotation="90.00" occluded="0"/>
    <polygon label="road" points="160.00,120.00;320.00,120.00;320.00,600.00" occluded="0"/>
    <skeleton label="road"></skeleton>
    <tag label="road" source="manual"></tag>
  </image>
</annotations>"""


def test_cvat__of_its_documentation(tmp_path):
    (tmp_path / "annotations.xml").write_text(CVAT)

    read = read_boxes(tmp_path / "annotations.xml")

    assert boxes(read) == {
        "a/filename000.jpg": [
            ("car", 0.1, 0.1, 0.1, 0.4),
            ("road", 0.1, 0.1, 0.1, 0.4),
            ("road", *WHOLE),
        ]
    }
    assert [*read.categories.values()] == ["car", "road"]
    (warning,) = read.warnings("X")
    assert warning.startswith("2 boxes are no upright rectangles")
    assert "a/filename000.jpg: skeleton" in warning


def region(label="fox", **value):
    """A rectangle as in Label Studio's exports."""
    sides = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0}
    return {
        "original_width": 600,
        "original_height": 300,
        "image_rotation": 0,
        "value": {**sides, "rectanglelabels": [label], **value},
        "id": "Dx_aB91ISN",
        "from_name": "label",
        "to_name": "image",
        "type": "rectanglelabels",
    }


def task(*results, image="/data/upload/3/0a1b2c3d-fox%20one.jpg", **more):
    annotation = {"id": 1, "completed_by": 1, "result": [*results], "was_cancelled": False}
    return {"id": 5, "data": {"image": image}, "annotations": [annotation], **more}


@pytest.fixture
def exported(tmp_path):
    """Writes tasks, and gives what is read from them."""

    def read(*tasks):
        (tmp_path / "export.json").write_text(json.dumps(tasks))
        return read_boxes(tmp_path / "export.json")

    return read


def test_label_studio__of_its_documentation(exported):
    read = exported(task(region()))

    (frame,) = read.frames
    assert boxes(read) == {"0a1b2c3d-fox one.jpg": [("fox", 0.1, 0.2, 0.3, 0.4)]}
    assert (frame.names[1:], frame.size) == (("fox one.jpg",), (600, 300))


def test_label_studio__rotated_box__is_left_out_and_told(exported):
    read = exported(task(region(rotation=30), region("deer")))

    assert [box.category for box in read.frames[0].detections] == ["deer"]
    assert "1 boxes are no upright rectangles" in read.warnings("X")[0]
