"""Files from strangers: no entity is expanded, nothing outside is read, errors are ours."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from metaadapter.data.boxes.formats import read_boxes
from metaadapter.data.reader import read_images
from metaadapter.errors import DataError

LAUGHS = """<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;">]>
<annotations><image name="&b;"/></annotations>"""
OUTSIDE = """<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<annotation><filename>&a;</filename></annotation>"""
IMAGE = {"id": 1, "file_name": "1.jpg", "width": 10, "height": 10}
BOX = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}
FOX = {"id": 1, "name": "fox"}


def coco(**changes):
    return json.dumps({"images": [IMAGE], "annotations": [BOX], "categories": [FOX]} | changes)


@pytest.mark.parametrize("content", [LAUGHS, OUTSIDE])
def test_xml__with_entities__is_refused(tmp_path, content):
    (tmp_path / "1.xml").write_text(content)

    with pytest.raises(DataError, match="declares a document type or entities"):
        read_boxes(tmp_path / "1.xml")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("1.xml", "<annotations>", "it is no XML: no element found"),
        ("1.xml", "<svg/>", "its XML is <svg>, neither CVAT's nor Pascal VOC's"),
        ("1.xml", "<annotations><track/></annotations>", "CVAT for images 1.1"),
        (
            "1.xml",
            '<annotations><image name="1" width="9" height="9"><box xtl="x"/></image>'
            "</annotations>",
            "the image '1' is wrong: expected a number as xtl, got 'x'",
        ),
        (
            "1.xml",
            '<annotations><image name="1" width="9" height="9"><polygon points="1,2;"/></image>'
            "</annotations>",
            "the image '1' is wrong: expected a number as points, got ''",
        ),
        (
            "1.xml",
            '<annotations><image name="1" width="0" height="9"/></annotations>',
            "the image '1' is wrong: expected a size from 1 to 1,000,000 pixels",
        ),
        ("1.xml", "<annotation/>", "give the folder of these files"),
        ("1.json", "[" * 100_000, "nested too deeply"),
        ("1.json", coco(images=[IMAGE | {"width": -1}]), r"images\.0\.width"),
        ("1.json", coco(images=[IMAGE | {"width": 10**400}]), r"images\.0\.width"),
        ("1.json", coco(images=[IMAGE, IMAGE]), "several images of one id"),
        ("1.json", coco(annotations=[BOX | {"category_id": 2}]), "the category 2, which the file"),
        ("1.json", coco(annotations=[BOX | {"image_id": 2}]), "the image 2, which the file"),
        ("1.json", json.dumps([{"data": {"image": 1}}, 5]), "is wrong at : expected a JSON object"),
        ("data.yaml", "names: [fox\ntrain: a", "is no YAML"),
        ("data.yaml", "names: 5\ntrain: a", "expected names of classes"),
        ("data.yaml", "[1]", "has no names of classes"),
        ("data.yaml", "a: &a [x]\nnames: [*a, *a]\ntrain: a", "has YAML aliases"),
        ("data.yaml", "a: &a {x: y}\nnames: {<<: [*a, *a]}\ntrain: a", "has YAML aliases"),
        ("data.yaml", "names: [" + "fox, " * 250_000 + "]", "is larger than"),
        ("data.yaml", "!!python/object/apply:os.system ['touch x']", "is no YAML"),
        ("data.yaml", "names: [fox]\ntrain: /etc", "neither pictures with labels nor labels"),
    ],
)
def test_damaged_file__is_refused_with_the_reason(tmp_path, name, content, reason):
    (tmp_path / name).write_text(content)

    with pytest.raises(DataError, match=reason):
        read_boxes(tmp_path / name)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 0.5 0.5 0.2", "expected class x y width height"),
        ("1 0.5 0.5 0.2 0.2", "the class 1 has no name; the classes are 0"),
        ("0 0.5 nan 0.2 0.2", "infinite number"),
        ("0 0.5 0.5 0.2 0.2 7", "a confidence is from 0 to 1, not 7"),
        ("fox 0.5 0.5 0.2 0.2", "could not convert"),
        ("0.7 0.5 0.5 0.2 0.2", "the class 0.7 has no name"),
        ("\udcff", "can't decode"),
    ],
)
def test_yolo__wrong_line__is_refused_with_the_file(tmp_path, line, reason):
    (tmp_path / "labels").mkdir()
    (tmp_path / "classes.txt").write_text("fox\n")
    (tmp_path / "labels/1.txt").write_text(line, errors="surrogateescape")

    with pytest.raises(DataError, match=rf"labels/1\.txt is wrong: .*{reason}"):
        read_boxes(tmp_path)


@pytest.mark.parametrize("name", ["../secret.jpg", "set/../../secret.jpg", "ABSOLUTE"])
def test_picture__outside_the_folder__is_not_read(tmp_path, name):
    Image.new("RGB", (10, 10)).save(tmp_path / "secret.jpg")
    (tmp_path / "set/inner").mkdir(parents=True)
    name = name.replace("ABSOLUTE", str(tmp_path / "secret.jpg"))
    (tmp_path / "set/inner/boxes.json").write_text(coco(images=[IMAGE | {"file_name": name}]))

    with pytest.raises(DataError, match=r"none of the 1 pictures named in .* exists"):
        read_images(tmp_path / "set/inner/boxes.json", n_classes=1)
