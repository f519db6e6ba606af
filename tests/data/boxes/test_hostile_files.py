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
        ("1.xml", "<annotations>" + "<a>" * 100_000, "nested too deeply"),
        ("1.xml", "<annotations>", "it is no XML: no element found"),
        ("1.xml", "<svg/>", "its XML is <svg>, neither CVAT's nor Pascal VOC's"),
        ("1.xml", "<annotations><track/></annotations>", "CVAT for images 1.1"),
        (
            "1.xml",
            '<annotations><image name="1"><box label="a" xtl="x"/></image></annotations>',
            "the image '1' is wrong: expected a number as xtl, got 'x'",
        ),
        (
            "1.xml",
            '<annotations><image name="1"><polygon points="1,2;"/></image></annotations>',
            "the image '1' is wrong: expected a number as points, got ''",
        ),
        ("1.xml", "<annotation><object/></annotation>", "an object has no bndbox"),
        (
            "1.xml",
            "<annotation><object><bndbox><xmin>1</xmin></bndbox></object></annotation>",
            "expected a number as bndbox/ymin, got ''",
        ),
        ("1.json", "[" * 100_000, "nested too deeply"),
        ("1.json", coco(images=[IMAGE | {"width": -1}]), r"images\.0\.width"),
        ("1.json", coco(images=[IMAGE | {"width": 10**400}]), r"images\.0\.width"),
        ("1.json", coco(images=[IMAGE, IMAGE]), "several images of the id 1"),
        ("1.json", coco(annotations=[BOX | {"category_id": 2}]), "the category 2, which the file"),
        ("1.json", coco(annotations=[BOX | {"image_id": 2}]), "the image 2, which the file"),
        ("1.json", json.dumps([BOX | {"score": 0.5}]), "results of COCO, without pictures"),
        ("1.json", json.dumps([{"data": {"image": 1}}, 5]), "entry 1 is no task"),
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


@pytest.mark.parametrize("place", ["..", "../..", "ABSOLUTE", "link"])
def test_yolo__split_outside_the_folder__is_not_read(tmp_path, place):
    (tmp_path / "outside").mkdir()
    Image.new("RGB", (10, 10)).save(tmp_path / "outside/1.jpg")
    folder = tmp_path / "a/b/set"
    folder.mkdir(parents=True)
    (folder / "link").symlink_to(tmp_path / "outside")
    place = str(tmp_path / "outside") if place == "ABSOLUTE" else place
    (folder / "data.yaml").write_text(f"path: {place}\nnames: [fox]\ntrain: {place}\n")

    with pytest.raises(DataError, match="neither pictures with labels nor labels"):
        read_boxes(folder / "data.yaml")


def nodes(value, path=()):
    """The paths to all parts of a JSON value."""
    yield path
    lists = enumerate(value) if isinstance(value, list) else ()
    for key, inner in value.items() if isinstance(value, dict) else lists:
        yield from nodes(inner, (*path, key))


def replaced(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


RESULT = {
    "type": "rectanglelabels",
    "original_width": 10,
    "original_height": 10,
    "value": {"x": 1, "y": 1, "width": 5, "height": 5, "rotation": 9, "rectanglelabels": ["fox"]},
}
POLYGON = {"value": {"points": [[1, 2], [3, 4]], "rotation": 9, "polygonlabels": ["fox"]}}
ROW = {"annotation_id": 1, "annotator": 1, "lead_time": 1, "id": 1, "image": "1.jpg"}
DOCUMENTS = [
    json.loads(coco(annotations=[BOX | {"segmentation": [[1, 2, 3, 4]], "bbox": [1, 1, 5, 5]}])),
    [{"data": {"image": "1.jpg"}, "annotations": [{"result": [RESULT, POLYGON]}], "id": 1}],
    [ROW | {"label": [RESULT["value"]]}, ROW | {"choice": "fox"}],
    {"images": [{"file": "1", "detections": [{"category": "1", "conf": 1, "bbox": [0, 0, 1, 1]}]}]},
]
ODD = [None, True, -1, 10**400, 1e308, 5e-324, "", "x", "..", "//[", [], [[]], {}, {"a": {}}]


@pytest.mark.parametrize("number", range(len(DOCUMENTS)))
def test_json__with_any_part_replaced__is_read_or_refused(tmp_path, number):
    file, refused = tmp_path / "1.json", 0
    for path in nodes(DOCUMENTS[number]):
        for odd in ODD:
            file.write_text(json.dumps(replaced(DOCUMENTS[number], path, odd)))
            try:
                read_boxes(file)
            except DataError:
                refused += 1

    assert refused
