"""Boxes of a detector on the page: matched with pictures, cut out, corrected, and written."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from metaadapter.apps.field.detections import read_detections
from metaadapter.apps.field.frame_predictions import FieldOptions, encode_frames
from metaadapter.apps.field.frames import Frame, read_times
from metaadapter.apps.field.series import in_series
from metaadapter.apps.page.routes.detection_uploads import match_names
from metaadapter.data.table import ImageRow
from metaadapter.workflow.prediction.predictions import PredictionOptions

LEFT, RIGHT = [0.05, 0.1, 0.3, 0.8], [0.6, 0.1, 0.3, 0.8]
COLOURS = {"red": (220, 30, 30), "green": (30, 180, 40), "grey": (120, 120, 120)}


def frame(left="grey", right="grey", number=0, time=None):
    """A grey frame whose boxes LEFT and RIGHT have these colours."""
    rng = np.random.default_rng(number)
    pixels = np.full((40, 80, 3), COLOURS["grey"]) + rng.integers(-20, 20, (40, 80, 3))
    pixels[:, :32] += np.array(COLOURS[left]) - COLOURS["grey"]
    pixels[:, 46:] += np.array(COLOURS[right]) - COLOURS["grey"]
    exif = Image.Exif()
    if time:
        exif.get_ifd(0x8769)[0x9003] = time
    file = io.BytesIO()
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    image.save(file, "JPEG", quality=95, exif=exif)
    return file.getvalue()


def detection(box, confidence=0.9, category="1"):
    return {"category": category, "conf": confidence, "bbox": box}


def detector_file(frames):
    """MegaDetector's JSON for name → detections."""
    return json.dumps(
        {
            "info": {"format_version": "1.5", "detector": "a test"},
            "detection_categories": {"1": "animal", "2": "person", "3": "vehicle"},
            "images": [{"file": name, "detections": boxes} for name, boxes in frames.items()],
        }
    ).encode()


def send(project, frames, name="boxes.json"):
    content = frames if isinstance(frames, bytes) else detector_file(frames)
    return project.client.post("/detections", files=[("detections", (name, content))])


DAY = "2025:05:04 06:00:"
FRAMES = {
    "all/brook/1.jpg": frame("red", "green", 1, f"{DAY}00"),
    "all/brook/2.jpg": frame("red", "grey", 2, f"{DAY}02"),
    "all/meadow/1.jpg": frame("grey", "grey", 3, f"{DAY}00"),
    "all/meadow/2.jpg": frame("grey", "green", 4, f"{DAY}30"),
}
FOUND = {
    "brook/1.jpg": [detection(LEFT, 0.8), detection(RIGHT, 0.95)],
    "brook/2.jpg": [detection(LEFT, 0.7), detection(RIGHT, 0.6, "2")],
    "meadow/1.jpg": [detection(LEFT, 0.1)],
    "meadow/2.jpg": [detection(RIGHT, 0.9)],
}


@pytest.fixture
def trapped(project, picture):
    """A project with two classes, and four frames with their boxes in the tray."""
    shots = [(f"{name}/{n}.png", picture(name)) for name in ("red", "green") for n in range(2)]
    project.upload(*shots, into="folders")
    project.upload(*FRAMES.items())
    response = send(project, FOUND)
    assert response.status_code == 202, response.text
    project.report = response.json()
    return project


def frames_of(project):
    """Name → frame."""
    return {one["name"]: one for one in project.client.get("/frames").json()["frames"]}


def change(project, name, before, after):
    frame_id = frames_of(project)[name]["id"]
    return project.client.post(f"/frames/{frame_id}/boxes", json={"before": before, "after": after})


def test_detections__make_one_picture_of_each_box_of_an_animal(trapped):
    state, frames = trapped.state, frames_of(trapped)

    expected = {"frames": 4, "boxes": 4, "others": 1, "empty": 1, "missing": 0, "refused": []}
    assert expected.items() <= trapped.report.items()
    names = [state["names"][picture] for picture in state["tray"]]
    assert names == [*("all/brook/1.jpg",) * 2, "all/brook/2.jpg", "all/meadow/2.jpg"]
    assert set(state["frames"]) == set(state["tray"])
    brook = frames["all/brook/1.jpg"]
    assert [box["sides"] for box in brook["boxes"]] == [RIGHT, LEFT]
    assert [box["category"] for box in frames["all/brook/2.jpg"]["boxes"]] == ["animal", "person"]
    assert frames["all/meadow/1.jpg"]["boxes"][0]["picture"] is None
    undone = trapped.client.post("/undo").json()
    assert undone["undone"] == "Undone: Added the boxes of 4 pictures."
    assert (undone["kind"], undone["values"]) == ("added-boxes", {"n": 4})
    assert (len(trapped.state["tray"]), frames_of(trapped)) == (4, {})


def test_label_of_a_frame__goes_to_its_surest_box(project):
    project.upload(("deer/1.jpg", FRAMES["all/brook/1.jpg"]), into="folders")
    project.upload(("deer/2.jpg", FRAMES["all/meadow/1.jpg"]), into="folders")
    send(project, {"deer/1.jpg": FOUND["brook/1.jpg"], "deer/2.jpg": []})

    (deer,), tray = project.state["classes"], project.state["tray"]
    boxes = frames_of(project)["deer/1.jpg"]["boxes"]
    whole = frames_of(project)["deer/2.jpg"]["id"]
    assert deer["pictures"] == [whole, boxes[0]["picture"]]
    assert tray == [boxes[1]["picture"]]
    assert table(project, "timelapse.csv") == []  # the folder of a class holds examples


@pytest.mark.parametrize(
    ("before", "after", "n_tray", "message"),
    [
        (None, [0.4, 0.2, 0.1, 0.3], 5, "Added a box"),
        (LEFT, None, 3, "Removed a box"),
        (LEFT, [0.0, 0.1, 0.35, 0.8], 4, "Moved a box"),
        (LEFT, LEFT, 4, "Accepted a box"),
    ],
)
def test_box__changed_by_a_person__is_encoded_anew_and_can_be_undone(
    trapped, before, after, n_tray, message
):
    was, frames = trapped.state["tray"], frames_of(trapped)
    response = change(trapped, "all/brook/1.jpg", before, after)

    assert response.status_code == 200, response.text
    assert len(trapped.state["tray"]) == n_tray
    boxes = frames_of(trapped)["all/brook/1.jpg"]["boxes"]
    if after:
        (box,) = [box for box in boxes if box["sides"] == after]
        assert (box["picture"], box["confidence"]) == (response.json()["picture"], 1.0)
        assert box["picture"] in trapped.answers()["answers"]
    else:
        assert before not in [box["sides"] for box in boxes]
    undone = trapped.client.post("/undo").json()
    assert undone["undone"] == f"Undone: {message}."
    assert undone["kind"] == "changed-box"
    assert (trapped.state["tray"], frames_of(trapped)) == (was, frames)


@pytest.mark.parametrize(
    ("names", "files", "matched"),
    [
        ({"1": "brook/1.jpg"}, ["brook/1.jpg"], {"brook/1.jpg": "1"}),
        ({"1": "all/brook/1.jpg"}, ["brook/1.jpg"], {"brook/1.jpg": "1"}),
        ({"1": "brook/1.jpg"}, ["data/all/brook/1.jpg"], {"data/all/brook/1.jpg": "1"}),
        ({"1": "brook/1.jpg", "2": "meadow/1.jpg"}, ["1.jpg"], {}),
        ({"1": "1.jpg", "2": "1.jpg"}, ["brook/1.jpg"], {}),
        ({"1": "1.jpg"}, ["brook/1.jpg", "meadow/1.jpg"], {}),
        ({"1": "1.jpg", "2": "brook/1.jpg"}, ["1.jpg"], {"1.jpg": "1"}),
        ({"1": "01.jpg"}, ["1.jpg"], {}),
        ({"1": "a/1.jpg"}, ["a/1.jpg", "b/a/1.jpg"], {"a/1.jpg": "1"}),
    ],
)
def test_frames__are_matched_by_path_and_refused_where_names_repeat(names, files, matched):
    matches = match_names(names, files)

    assert matches.pictures == matched
    assert len(matches.refused) + len(matches.missing) + len(matched) == len(files)


def test_detections__that_cannot_be_read__are_refused(trapped):
    response = send(trapped, b"no JSON")

    assert (response.status_code, response.json()["kind"]) == (422, "data")
    assert "boxes.json" in response.json()["error"]
    assert "incoming" not in response.json()["error"]


def test_detections__of_pictures_that_come_later__are_named_and_the_file_can_come_again(project):
    first, *others = FRAMES.items()
    project.upload(first)
    report = send(project, FOUND).json()
    project.upload(*others)
    again = send(project, FOUND).json()

    session = project.session
    with session._state:
        assert session._state.wait_for(lambda: not session._waiting(), 60)
    assert (report["frames"], report["missing"], report["example"]) == (1, 3, "brook/2.jpg")
    assert (again["frames"], again["missing"], again["known_already"]) == (3, 0, 1)
    state = project.state
    assert set(state["tray"]) == set(state["frames"]) <= set(session._encoded)


def table(project, name):
    response = project.client.get(f"/take/{name}")
    assert response.status_code == 200, response.text
    return list(csv.DictReader(io.StringIO(response.text.removeprefix("\ufeff"))))


def test_timelapse__has_one_row_for_each_frame(trapped):
    rows = table(trapped, "timelapse.csv")

    places = [(row["RelativePath"], row["File"], row["Species"], row["Count"]) for row in rows]
    assert places[2] == ("meadow", "1.jpg", "empty", "0")
    assert places[3] == ("meadow", "2.jpg", "green", "1")
    assert rows[0]["DateTime"] == "2025-05-04 06:00:00"


def test_megadetector_file__has_the_corrected_boxes(trapped):
    change(trapped, "all/brook/1.jpg", LEFT, None)
    document = trapped.client.get("/take/megadetector.json").json()

    images = {image["file"]: image["detections"] for image in document["images"]}
    assert [box["bbox"] for box in images["brook/1.jpg"]] == [RIGHT]
    classes = document["classification_categories"]
    number, share = images["brook/1.jpg"][0]["classifications"][0]
    assert classes[number] == "green"
    assert 0.3 < share <= 1
    assert [box["category"] for box in images["brook/2.jpg"]] == ["1", "2"]


def test_camtrap_package__has_people_animals_and_empty_frames(trapped):
    content = trapped.client.get("/take/camtrap-dp.zip").content

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = {"datapackage.json", "deployments.csv", "media.csv", "observations.csv"}
        assert set(archive.namelist()) == {*names, "what is missing.txt"}
        missing = archive.read("what is missing.txt").decode()
        rows = list(csv.DictReader(io.StringIO(archive.read("observations.csv").decode())))
    kinds = {row["observationType"] for row in rows if row["observationLevel"] == "media"}
    assert kinds == {"animal", "human", "blank"}
    assert {row["deploymentID"] for row in rows} == {"brook", "meadow"}
    assert "2 camera(s) have no latitude and longitude" in missing
    assert "to deployments.csv" in missing


def test_answers__equal_those_of_the_shell_with_series_and_species(trapped, tmp_path, monkeypatch):
    monkeypatch.setattr("metaadapter.apps.page.answers.ROWS_AT_ONCE", 1)
    trapped.client.patch("/field", json={"burst": 10, "allowed": ["red", "green"]})
    session = trapped.session
    results = session.results
    # Answers with the tray as a pool replace those without it after some time.
    while (answers := trapped.answers()["answers"]) and session.results is not results:
        results = session.results
    stored, state = results.stored, trapped.state
    classes = {one["id"]: one["name"] for one in state["classes"]}
    boxes = {
        box["picture"]: (name, *box["sides"])
        for name, one in frames_of(trapped).items()
        for box in one["boxes"]
    }
    shown = {
        boxes[picture]: (classes[answers[picture]["class"]], answers[picture]["probability"])
        for picture in state["tray"]
    }

    for name, content in FRAMES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "boxes.json").write_bytes(detector_file(FOUND))
    detections = read_detections(tmp_path / "boxes.json")
    rows = [ImageRow(tmp_path / name, None) for name in FRAMES]
    frames = [Frame(row, detections.of(row.path, [tmp_path / "all"])) for row in rows]
    series = in_series(read_times(frames), 10.0)
    part = encode_frames(
        [frame for group in series for frame in group],
        stored.config.origin,
        PredictionOptions(),
        FieldOptions(detections, allowed=frozenset({"red", "green"})),
        lambda: session.project.encoder,
    )
    predictions, _ = part.predict(stored, part.pictures)

    by_shell = {
        (Path(one.path).relative_to(tmp_path).as_posix(), *one.box): (one.label, one.probability)
        for one in predictions
        if one.source == "adapter"
    }
    assert by_shell.keys() == shown.keys()
    for box, (label, probability) in by_shell.items():
        assert shown[box] == (label, pytest.approx(probability, abs=1e-9))
