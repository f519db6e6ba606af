"""A project in which a picture can show several classes: labels, answers, downloads, refusals."""

from __future__ import annotations

import csv
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from metaadapter.adapter.files import store_adapter
from metaadapter.apps.page import snapshot
from metaadapter.data.label_sets import LabelSets, one_row_per_picture
from metaadapter.data.reader import read_images
from metaadapter.features.encoder_by_name import load_encoder
from metaadapter.workflow.several_estimator import SeveralLabelsClassifier
from tests.apps.page.conftest import COLOURS, Filled

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

    assert labelled.names_of(labelled.project.state) == {first: ["red"]}
    labelled.client.post("/undo")
    assert labelled.names_of(labelled.project.state) == {first: ["red", "blue"]}
    labelled.client.post("/projects", json={"name": f"{name} other"})
    labelled.client.post("/projects/open", json={"name": name})

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
    rows = {key: row.features_D for key, row in session.snapshot().encoded.items()}
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


def test_answers__have_classes_below_their_threshold_but_not_far_below(labelled):
    labelled.fill(2)
    for shade in range(0, 250, 25):
        labelled.project.upload((f"{shade}.png", labelled.picture((shade, 30, 250 - shade))))

    answers = labelled.project.answers()

    thresholds, seen = answers["thresholds"], set()
    for answer in answers["answers"].values():
        for label, p in answer["probabilities"].items():
            is_shown = label in answer["labels"]
            seen.add(is_shown)
            assert (p >= thresholds[label]) == is_shown
            assert p >= thresholds[label] / 2
        assert answer["unfamiliar"] == (not answer["labels"])
    assert seen == {True, False}


def test_left_out__of_a_picture_alone_in_its_class__is_not_given(labelled):
    labelled.fill(3)
    labelled.ids["lynx"] = labelled.add_class("lynx")
    (alone,) = labelled.add("green", 1, "lynx")
    labelled.label([alone], ["lynx", "red"])

    left_out = labelled.project.answers()["left_out"]

    assert left_out.keys() == labelled.labels.keys() - {alone}


def test_class__that_is_removed__leaves_the_other_classes_of_its_pictures(labelled):
    both, one = labelled.add("purple", 2)
    labelled.label([both], ["red", "blue"])
    labelled.label([one], ["red"])

    labelled.client.delete(f"/classes/{labelled.ids['red']}")

    state = labelled.project.state
    assert labelled.names_of(state) == {both: ["blue"]}
    assert state["tray"] == [one]


def test_picture__added_to_a_further_class__is_in_both(labelled):
    content = labelled.picture(PURPLE)
    (first,) = labelled.project.upload(("a.png", content), into=labelled.ids["red"])["added"]
    labelled.project.upload(("a.png", content), into=labelled.ids["blue"])
    copies = [
        (f"{name}/b.png", picture)
        for picture in [labelled.picture(PURPLE)]
        for name in ("red", "blue")
    ]
    (second,) = labelled.project.upload(*copies, into="folders")["added"]

    both = ["red", "blue"]
    assert labelled.names_of(labelled.project.state) == {first: both, second: both}


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


def test_manifest__of_two_pictures_with_one_name__is_refused_but_their_folders_are_not(labelled):
    labelled.fill(1)
    for colour in ("red", "blue"):
        (added,) = labelled.project.upload(("1.png", labelled.picture(colour)))["added"]
        labelled.label([added], [colour])
    labelled.project.session.wait_for_results()

    refused = labelled.client.get("/take/labels.csv")

    assert (refused.status_code, refused.json()["kind"]) == (409, "same-name")
    assert refused.json()["values"] == {"n": 2, "name": "1.png"}
    assert labelled.client.get("/take/sizes").status_code == 200
    with zipfile.ZipFile(io.BytesIO(labelled.client.get("/take/pictures.zip").content)) as archive:
        assert {"red/1.png", "blue/1.png"} <= {*archive.namelist()}
    labelled.client.post("/labels", json={"labels": {added: None}})
    assert labelled.client.get("/take/labels.csv").status_code == 200


def test_label__that_is_given_twice__counts_once(labelled):
    (first,) = labelled.add("red", 1)
    labelled.label([first], ["red", "red"])

    assert labelled.names_of(labelled.project.state) == {first: ["red"]}
    steps = labelled.client.get("/history").json()["steps"]
    assert steps[0]["edit"] == "Put 1 picture into red"


def _labels(table):
    sets = LabelSets.of([row.label for row in table.rows])
    return sorted(
        (
            row.file.name.split()[0],
            [c for c, is_shown in zip(sets.classes, shows, strict=True) if is_shown],
        )
        for row, shows in zip(table.rows, sets.shows_NC, strict=True)
    )


def test_table__has_the_columns_of_predict_and_labels_of_people_without_probabilities(labelled):
    labelled.fill(3)
    (asked,) = labelled.add("purple", 1, "=new")
    answer = labelled.project.answers()["answers"][asked]

    rows = [*csv.DictReader(io.StringIO(labelled.client.get("/take/answers.csv").text))]

    assert [*rows[0]] == [
        *("path", "label", "probability", "runner_up", "runner_up_probability", "known"),
        *("unfamiliar", "status", "unreadable_reason", "duplicate_of", "sha256"),
        *("p_blue", "p_red"),
    ]
    by_path = {row["path"]: row for row in rows}
    assert len(by_path) == 13
    assert by_path["purple 0.png"]["label"] == "blue;red"
    assert by_path["purple 0.png"]["p_red"] == by_path["purple 0.png"]["probability"] == ""
    assert by_path["green 0.png"]["label"] == "none of these"
    new = by_path["purple =new0.png"]
    names = {label: name for name, label in labelled.ids.items()}
    assert new["label"] == ";".join(names[label] for label in answer["labels"])
    for label, p in answer["probabilities"].items():
        assert float(new[f"p_{names[label]}"]) == pytest.approx(p)


def test_table__has_pictures_of_no_class_that_the_adapter_does_not_learn_from(
    labelled, monkeypatch
):
    monkeypatch.setattr(snapshot, "MOST_BACKGROUND", 1)
    labelled.fill(3)
    labelled.project.session.wait_for_results()

    rows = [*csv.DictReader(io.StringIO(labelled.client.get("/take/answers.csv").text))]

    stored = labelled.project.session.results.stored
    assert stored.config.several.n_pictures == 10
    assert [row["label"] for row in rows].count("none of these") == 3


def test_predict__answers_with_labels__by_the_project_and_by_an_adapter(
    labelled, tmp_path, project, picture
):
    labelled.fill()
    labelled.project.session.wait_for_results()
    files = [("pictures", ("new.png", picture(PURPLE)))]

    by_project = labelled.client.post("/predict", files=files).json()["predictions"][0]
    store_adapter(tmp_path / "a.adapter", labelled.project.session.results.stored)
    skill = ("adapter", ("a.adapter", (tmp_path / "a.adapter").read_bytes()))
    labelled.client.post("/projects", json={"name": f"{project.state['name']} one label"})
    by_adapter = labelled.client.post("/predict", files=[*files, skill]).json()["predictions"][0]

    assert set(by_project["labels"]) == {"red", "blue"}
    assert by_project["label"] == ";".join(by_project["labels"])
    assert by_adapter == by_project


@pytest.mark.slow
def test_onnx__answers_as_the_project(serve, picture, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    content = picture(PURPLE)
    with serve(tmp_path / "project", "tiny", load_encoder) as served:
        labelled = Labelled(Filled(served.client, served.projects), picture)
        labelled.fill(2)
        file = [("pictures", ("new.png", content))]
        answer = served.client.post("/predict", files=file).json()["predictions"][0]
        model = served.client.get("/take/onnx")

    session = onnxruntime.InferenceSession(model.content)
    pixels = np.array(Image.open(io.BytesIO(content)).convert("RGB"))[None]
    outputs = ["probabilities", "shown"]
    p_NC, shown_NC = session.run(outputs, {session.get_inputs()[0].name: pixels})
    assert p_NC[0] == pytest.approx([*answer["probabilities"].values()], abs=1e-4)
    shown = {c for c, is_in in zip(answer["probabilities"], shown_NC[0], strict=True) if is_in}
    assert shown == {*answer["labels"]}


@pytest.mark.parametrize("path", ["/take/moves.sh", "/take/answers.csv?sure=0.5"])
def test_download__for_one_label__is_refused(labelled, path):
    labelled.fill(2)

    response = labelled.client.get(path)

    assert (response.status_code, response.json()["kind"]) == (409, "several-labels")


def test_series_and_boxes__are_refused(labelled):
    (frame,) = labelled.add("red", 1)
    box = {"before": None, "after": [0, 0, 0.5, 0.5]}
    detections = {"detections": ("a.json", b"{}")}

    for response in (
        labelled.client.patch("/field", json={"burst": 3}),
        labelled.client.post(f"/frames/{frame}/boxes", json=box),
        labelled.client.post("/detections", files=detections),
    ):
        assert response.json()["kind"] == "several-labels", response.text


def test_several__with_series__is_refused(project):
    project.client.patch("/field", json={"burst": 3})

    response = project.client.patch("/labelling", json={"several": True})

    assert response.json()["kind"] == "several-labels"
    assert project.state["several"] is False


def test_name__with_a_separator__is_refused_also_when_it_is_there_already(project):
    name = {"name": "fox; red"}
    label = project.client.post("/classes", json=name).json()["id"]
    several = {"several": True}

    assert project.client.patch("/labelling", json=several).json()["kind"] == "name-separator"
    project.client.patch(f"/classes/{label}", json={"name": "fox"})
    assert project.client.patch("/labelling", json=several).status_code == 200
    assert project.client.post("/classes", json=name).json()["kind"] == "name-separator"
    again = project.client.patch(f"/classes/{label}", json={"name": "!fox"})
    assert again.json()["kind"] == "name-separator"


def test_one_label__again__is_refused_while_a_picture_has_several(labelled):
    (both,) = labelled.add("purple", 1)
    labelled.label([both], ["red", "blue"])
    one = {"several": False}

    assert labelled.client.patch("/labelling", json=one).json()["kind"] == "several-in-use"
    labelled.label([both], ["red"])
    assert labelled.client.patch("/labelling", json=one).status_code == 200
    response = labelled.client.post("/labels", json={"labels": {both: [labelled.ids["red"]]}})
    assert response.json()["kind"] == "one-label"


def test_one_label__that_becomes_several__keeps_its_labels_and_ends_its_advice(project):
    project.fill(3, 2)
    before = project.state

    project.client.patch("/labelling", json={"several": True})
    answers = project.answers()

    assert project.state["classes"] == before["classes"]
    assert answers["thresholds"].keys() == {entry["id"] for entry in before["classes"]}
    assert project.client.get("/advice").json()["advice"] == []
    assert project.client.get("/sure").json()["points"] == []
    project.client.post("/undo")
    assert "thresholds" not in project.answers()
    assert COLOURS.keys() == {entry["name"] for entry in project.state["classes"]}
