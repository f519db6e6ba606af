"""What a format writes, its reader reads: names, sizes, boxes, labels and confidences."""

from __future__ import annotations

import string
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metaadapter.data.boxes.formats import FORMATS, read_boxes, write_boxes
from metaadapter.data.boxes.frame_detections import Detection, FrameDetections
from metaadapter.data.boxes.listing import Listing
from metaadapter.data.crop import Box
from metaadapter.errors import DataError

FOLDERS = {"voc", "yolo"}
# Letters of other alphabets, signs that mean something in CSV, YAML, JSON, XML and paths.
odd_names = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp", "Cn")),
    min_size=1,
    max_size=12,
).filter(lambda name: name == name.strip() and "\ufffe" not in name and "\uffff" not in name)
plain_names = st.text(string.ascii_letters + "äß日 -_", min_size=1, max_size=8).map(str.strip)


@st.composite
def boxes(draw):
    left, top = draw(st.floats(0, 0.9)), draw(st.floats(0, 0.9))
    width, height = (draw(st.floats(0.001, 1 - side)) for side in (left, top))
    return Box(left, top, width, height)


@st.composite
def listings(draw):
    names = draw(st.lists(odd_names, min_size=1, max_size=4, unique=True))
    detections = st.builds(Detection, st.sampled_from(names), st.floats(0, 1), boxes())
    stems = draw(st.lists(plain_names.filter(bool), max_size=4, unique_by=str.casefold))
    frames = [
        FrameDetections(
            f"{draw(st.sampled_from(['', 'a/', 'a/b c/']))}{stem}.jpg",
            tuple(draw(st.lists(detections, max_size=3))),
            size=draw(st.tuples(st.integers(1, 9999), st.integers(1, 9999))),
        )
        for stem in stems
    ]
    categories = {str(number): name for number, name in enumerate(names)}
    return Listing("test", categories, frames)


def same(number):
    return number


def nearly(number):
    """As equal as after a division and a multiplication, and a rounding to twelve digits."""
    return pytest.approx(number, rel=1e-9, abs=1e-9)


def facts(listing, number=same, *, name):
    """The facts that the format of a name keeps, by picture."""
    has_size, has_score = name != "yolo", name not in ("yolo", "cvat")
    return {
        frame.file.removeprefix("images/"): (
            frame.size if has_size and frame.detections else None,
            [
                (box.category, number(box.confidence) if has_score else None, number(box.box))
                for box in frame.detections
            ],
        )
        for frame in listing.frames
    }


def written(listing, name, folder):
    place = folder / ("boxes" if name in FOLDERS else "boxes.file")
    write_boxes(listing, name, place)
    if name == "yolo":  # its pictures are beside the labels
        for frame in listing.frames:
            picture = place / "images" / frame.file.removeprefix("images/")
            picture.parent.mkdir(parents=True, exist_ok=True)
            picture.touch()
    return place


@pytest.mark.parametrize("name", [name for name, one in FORMATS.items() if one.write])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(listing=listings())
def test_format__written_and_read__has_the_same_boxes(name, listing):
    if not listing.frames and name not in ("coco", "cvat"):
        return  # an empty folder or list is of no format
    with tempfile.TemporaryDirectory() as folder:
        read = read_boxes(written(listing, name, Path(folder)))

    assert facts(read, name=name) == facts(listing, nearly, name=name)
    names = {box.category for frame in listing.frames for box in frame.detections}
    if name in ("coco", "yolo", "cvat"):  # the others do not list labels without boxes
        names = {*listing.categories.values()}
    assert {*read.categories.values()} == names


def test_yolo__with_a_link_to_the_pictures__has_them_as_ultralytics_looks_for_them(
    animals, tmp_path
):
    written(animals, "yolo", tmp_path)
    (tmp_path / "boxes/images").rename(tmp_path / "photos")
    (tmp_path / "boxes/images").symlink_to(tmp_path / "photos")

    facts = yaml.safe_load((tmp_path / "boxes/data.yaml").read_text())
    read = {}
    for split in ("train", "val"):
        # As `check_det_dataset`, `get_img_files`, `img2label_paths` and `verify_image_label` do.
        place = (tmp_path / "boxes" / facts[split]).resolve()
        for line in place.read_text().splitlines():
            picture = line.replace("./", f"{place.parent}/", 1) if line[:2] == "./" else line
            assert Path(picture).is_file()
            labels = Path("/labels/".join(picture.rsplit("/images/", 1)).rsplit(".", 1)[0] + ".txt")
            rows = [[*map(float, row.split())] for row in labels.read_text().splitlines()]
            assert all(len(row) == 5 for row in rows)
            inner = picture.removeprefix(f"{tmp_path}/boxes/images/")
            read[inner] = [
                (facts["names"][number], (x - width / 2, y - height / 2, width, height))
                for number, x, y, width, height in rows
            ]

    assert read == {
        frame.file: [(box.category, nearly(tuple(box.box))) for box in frame.detections]
        for frame in animals.frames
    }


def test_yolo__inner_folder_of_the_name_images__is_refused(animals, tmp_path):
    frames = [animals.frames[0]._replace(file="train/images/1.jpg")]

    with pytest.raises(DataError, match="beside its folder `images`"):
        write_boxes(animals._replace(frames=frames), "yolo", tmp_path / "out")


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_folder__written_again__keeps_no_file_of_the_earlier_run(animals, tmp_path, name):
    place = written(animals, name, tmp_path)
    write_boxes(animals._replace(frames=animals.frames[:1]), name, place)

    inner = place / {"yolo": "labels", "voc": "Annotations"}[name]
    assert [path.relative_to(inner).with_suffix("") for path in inner.rglob("*.*")] == [Path("a/1")]


@pytest.mark.parametrize("name", sorted(FOLDERS))
@pytest.mark.parametrize("file", ["../../1.jpg", "a/../../../1.jpg"])
def test_folder__name_that_leads_out__is_refused(animals, tmp_path, name, file):
    frames = [animals.frames[0]._replace(file=file)]

    with pytest.raises(DataError, match="leads out of the folder"):
        write_boxes(animals._replace(frames=frames), name, tmp_path / "out")

    assert [*tmp_path.iterdir()] == []
