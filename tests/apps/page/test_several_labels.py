"""A project in which a picture can show several classes: labels, answers, downloads, refusals."""

from __future__ import annotations

import csv
import io
import zipfile

import numpy as np
import pytest

from metaadapter.data.label_sets import one_row_per_picture, shown_classes, shows_matrix
from metaadapter.data.reader import read_images
from metaadapter.workflow.several_estimator import SeveralLabelsClassifier
from tests.apps.page.conftest import COLOURS

PURPLE = (125, 35, 125)  # red and blue in equal parts
KINDS = {"red": ["red"], "blue": ["blue"], "purple": ["red", "blue"], "green": []}


class Labelled:
    """A project of the classes red and blue, in which purple pictures are both."""

    def __init__(self, project, picture):
        self.project, self.client, self.picture = project, project.client, picture
        assert self.client.patch("/labelling", json={"several": True}).status_code == 200
        self.ids = {name: self.add_class(name) for name in ("red", "blue")}
        self.labels = {}

    def add_class(self, name):
        return self.client.post("/classes", json={"name": name}).json()["id"]

    def add(self, kind, n, name=""):
        colour = PURPLE if kind == "purple" else kind
        files = [(f"{kind} {name}{number}.png", self.picture(colour)) for number in range(n)]
        return self.project.upload(*files)["added"]

    def label(self, pictures, names):
        labels = {picture: [self.ids[name] for name in names] for picture in pictures}
        response = self.client.post("/labels", json={"labels": labels})
        assert response.status_code == 200, response.text
        self.labels |= dict.fromkeys(pictures, names)

    def fill(self, n=4):
        for kind, names in KINDS.items():
            self.label(self.add(kind, n), names)

    def names_of(self, state):
        """Picture → the names of its classes, by `GET /project`."""
        names = {picture: [] for picture in state["none"]}
        for entry in state["classes"]:
            for picture in entry["pictures"]:
                names.setdefault(picture, []).append(entry["name"])
        return names


@pytest.fixture
def labelled(project, picture):
    return Labelled(project, picture)


def test_labels__of_several_classes__stay_after_undo_redo_and_opening_again(labelled):
    (first,) = labelled.add("purple", 1)
    labelled.label([first], ["red", "blue"])
    labelled.label([first], ["red"])
    name = labelled.project.state["name"]
    folder = labelled.project.session.project.folder.name

    assert labelled.names_of(labelled.project.state) == {first: ["red"]}
    labelled.client.post("/undo")
    assert labelled.names_of(labelled.project.state) == {first: ["red", "blue"]}
    labelled.client.post("/projects", json={"name": f"{name} other"})
    labelled.client.post("/projects/open", json={"folder": folder})

    state = labelled.project.state
    assert state["several"] is True
    assert labelled.names_of(state) == {first: ["red", "blue"]}
    labelled.client.post("/redo")
    assert labelled.names_of(labelled.project.state) == {first: ["red"]}


def test_answers__are_those_of_the_estimator_for_the_same_labels(labelled, colour_encoder):
    labelled.fill()
    asked = [picture for kind in KINDS for picture in labelled.add(kind, 2, "new")]

    answers = labelled.project.answers()

    session = labelled.project.session
    rows = session.snapshot().encoded
    texts = {name: name for name in labelled.ids}
    witness = SeveralLabelsClassifier(texts, encoder=colour_encoder).fit(
        np.stack([rows[key] for key in labelled.labels]), [*labelled.labels.values()]
    )
    p_NC = witness.predict_proba(np.stack([rows[key] for key in asked]))
    names = {label: name for name, label in labelled.ids.items()}
    shown = [tuple(names[one] for one in answers["answers"][key]["labels"]) for key in asked]
    assert shown == witness.predict_labels(np.stack([rows[key] for key in asked]))
    assert {len(labels) for labels in shown} == {0, 1, 2}
    for key, row in zip(asked, p_NC, strict=True):
        p = dict(zip(witness.classes_, row, strict=True))
        for label, share in answers["answers"][key]["probabilities"].items():
            assert share == pytest.approx(p[names[label]], abs=1e-6)
    thresholds = dict(zip(witness.classes_, witness.thresholds_, strict=True))
    assert answers["thresholds"] == {
        labelled.ids[name]: pytest.approx(p, abs=1e-6) for name, p in thresholds.items()
    }


def test_downloads__read_back_with_the_same_labels(labelled, tmp_path):
    labelled.fill(2)
    labelled.project.session.wait_for_results()

    content = labelled.client.get("/take/pictures.zip").content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(tmp_path)
    (tmp_path / "labels.csv").write_bytes(labelled.client.get("/take/labels.csv").content)
    for name in sorted(tmp_path.glob("*/*.png")):  # as the user has them: beside the manifest
        (tmp_path / name.name).write_bytes(name.read_bytes())

    expected = sorted((kind, sorted(names)) for kind, names in KINDS.items() for _ in range(2))
    by_manifest = _labels(one_row_per_picture(read_images(tmp_path / "labels.csv", n_classes=1)))
    assert by_manifest == expected
    folders = tmp_path / "folders"
    folders.mkdir()
    for folder in ("red", "blue", "none of these"):
        (tmp_path / folder).rename(folders / folder)
    copies = {}
    for row in read_images(folders, n_classes=1).rows:
        copies.setdefault(row.file.read_bytes(), []).append(row)
    assert (
        sorted(
            (rows[0].file.name.split()[0], sorted({row.label for row in rows} - {"none of these"}))
            for rows in copies.values()
        )
        == expected
    )


def _labels(table):
    cells = [row.label for row in table.rows]
    classes = shown_classes(cells)
    return sorted(
        (
            row.file.name.split()[0],
            [c for c, is_shown in zip(classes, shows, strict=True) if is_shown],
        )
        for row, shows in zip(table.rows, shows_matrix(cells, classes), strict=True)
    )


def test_table__has_all_labels_of_a_picture_in_one_cell_and_no_probability_of_people(labelled):
    labelled.fill(3)
    (asked,) = labelled.add("purple", 1, "=new")
    answer = labelled.project.answers()["answers"][asked]

    rows = [*csv.DictReader(io.StringIO(labelled.client.get("/take/answers.csv").text))]

    by_picture = {row["path"]: row for row in rows}
    assert len(rows) == len(by_picture) == 13
    assert by_picture["purple 0.png"]["label"] == "blue;red"
    assert by_picture["purple 0.png"]["probability"] == ""
    assert by_picture["green 0.png"]["label"] == "none of these"
    new = by_picture["purple =new0.png"]
    names = {label: name for name, label in labelled.ids.items()}
    assert new["label"] == ";".join(sorted(names[label] for label in answer["labels"]))
    assert float(new["probability"]) == pytest.approx(answer["probability"])


def test_predict__answers_with_labels(labelled, picture):
    labelled.fill()
    labelled.project.session.wait_for_results()
    files = [("pictures", ("new.png", picture(PURPLE)))]

    answer = labelled.client.post("/predict", files=files).json()["predictions"][0]

    assert set(answer["labels"]) == {"red", "blue"}
    assert answer["label"] == ";".join(answer["labels"])


def test_one_label__that_becomes_several__keeps_its_labels_and_ends_its_advice(project):
    project.fill(3, 2)
    before = project.state

    project.client.patch("/labelling", json={"several": True})
    answers = project.answers()

    assert project.state["classes"] == before["classes"]
    assert answers["thresholds"].keys() == {entry["id"] for entry in before["classes"]}
    assert project.client.get("/advice").json()["advice"] is None
    project.client.post("/undo")
    assert "thresholds" not in project.answers()
    assert COLOURS.keys() == {entry["name"] for entry in project.state["classes"]}


def test_merged_class__gives_its_pictures_the_other_class_in_one_edit(labelled):
    labelled.fill(1)
    before, (red, blue) = labelled.project.state, labelled.ids.values()
    refused = [
        labelled.client.delete(f"/classes/{red}?into={into}").status_code for into in (red, "ffff")
    ]
    merged = labelled.client.delete(f"/classes/{red}?into={blue}")
    after = labelled.project.state
    undone = labelled.client.post("/undo").json()

    assert (refused, merged.status_code) == ([409, 404], 200)
    names = {picture: ["blue"] if one else [] for picture, one in labelled.labels.items()}
    assert (labelled.names_of(after), len(after["classes"])) == (names, 1)
    assert undone["edit"] == "Merged the class red into blue"
    assert labelled.project.state["classes"] == before["classes"]
