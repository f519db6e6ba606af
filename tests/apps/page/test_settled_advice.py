"""Advice that a person settles: its pictures move, it stays away, and it can be taken back."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from metaadapter.features.image_encoder import ModelEncoder

KINDS = ("bear", "crow", "deer", "fox")


@pytest.fixture(scope="module")
def pixels():
    """An encoder whose features are the pixels; it reads no names."""

    def preprocess(picture):
        rows = torch.from_numpy(np.array(picture.resize((4, 4), 0), np.float32))
        return rows.permute(2, 0, 1) / 255 - 0.5

    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 48, bias=False))
    torch.nn.init.eye_(model[1].weight)
    return ModelEncoder(
        "pixels", model, preprocess, texts=None, logit_scale=20.0, zoom=False, device="cpu"
    )


@pytest.fixture(scope="module")
def served(tmp_path_factory, serve, pixels, limits):
    folder = tmp_path_factory.mktemp("projects") / "pixels"
    with serve(folder, "pixels", lambda *_, **__: pixels, limits) as served:
        yield served


@pytest.fixture
def shots():
    """Pictures of one kind: a pattern that the name decides, and some noise."""

    def make(name, n, seed=0):
        pattern = np.random.default_rng([*name.encode()]).standard_normal((4, 4, 3))
        noise = np.random.default_rng([seed, *name.encode()]).standard_normal((n, 4, 4, 3))
        rows = (128 + 40 * (pattern + 0.5 * noise)).clip(0, 255).astype(np.uint8)
        return [(f"{name}/{seed}-{number}.png", png(row)) for number, row in enumerate(rows)]

    return make


def png(row):
    file = io.BytesIO()
    Image.fromarray(row).resize((16, 16), 0).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def filled(project, shots):
    """A project with five pictures of each of four kinds."""
    project.upload(*(shot for name in KINDS for shot in shots(name, 5)), into="folders")
    return project


@pytest.fixture
def mislabelled(filled, shots):
    """A project with a crow among the bears."""
    (filled.wrong,) = filled.upload(*shots("crow", 1, 1), into=filled.class_of("bear"))["added"]
    return filled


@pytest.fixture
def with_stranger(filled, shots):
    """A project with a car among the bears."""
    (filled.wrong,) = filled.upload(*shots("car", 1), into=filled.class_of("bear"))["added"]
    return filled


def advice(project):
    project.session.wait_for_results()
    return project.client.get("/advice").json()


def about(project, picture):
    return [piece for piece in advice(project)["advice"] if piece["pictures"] == [picture]]


def settle(project, piece, action):
    response = project.client.post(f"/advice/{piece['id']}", json={"action": action})
    assert response.status_code == 200, response.text


def label_of(project, picture):
    return project.session.read(lambda contents: contents.pictures[picture].label)


def test_advice__that_moves_a_picture__is_undone_in_one_step_and_can_be_taken_back(mislabelled):
    project = mislabelled
    bear, crow = project.class_of("bear"), project.class_of("crow")
    (piece,) = about(project, project.wrong)
    assert (piece["kind"], piece["actions"]) == ("label", ["move", "none", "keep"])

    settle(project, piece, "move")
    assert label_of(project, project.wrong) == crow
    assert not about(project, project.wrong)
    (settled,) = advice(project)["settled"]
    assert (settled["id"], settled["action"]) == (piece["id"], "move")
    project.client.post("/undo")
    assert label_of(project, project.wrong) == bear
    assert advice(project)["settled"] == []
    project.client.post("/redo")
    project.client.delete(f"/advice/{piece['id']}")
    assert label_of(project, project.wrong) == bear
    assert about(project, project.wrong) == [piece]


@pytest.mark.parametrize("action", ["keep", "none"])
def test_advice__that_is_settled__stays_away_after_the_project_is_opened_again(mislabelled, action):
    project = mislabelled
    (piece,) = about(project, project.wrong)

    settle(project, piece, action)
    name = project.state["name"]
    project.client.post("/projects", json={"name": f"{name} and another"})
    project.client.post("/projects/open", json={"name": name})

    assert not about(project, project.wrong)
    assert label_of(project, project.wrong) == (
        "none" if action == "none" else project.class_of("bear")
    )
    assert [entry["action"] for entry in advice(project)["settled"]] == [action]


def test_advice__stranger_in_a_class__comes_first_and_one_action_mends_it(with_stranger, shots):
    project = with_stranger
    cars = project.upload(*shots("car", 4, 1))["added"]

    (first, *_) = advice(project)["advice"]
    assert (first["kind"], first["pictures"]) == ("stranger", [project.wrong])
    assert first["actions"] == ["none", "keep"]
    settle(project, first, "none")

    answers = project.answers()
    assert all(answers["answers"][picture]["unfamiliar"] for picture in cars)
    assert not about(project, project.wrong)


def test_advice__that_is_dismissed__does_not_come_back_with_other_numbers(project, shots):
    project.upload(*(shot for name in KINDS for shot in shots(name, 1)), into="folders")
    pieces = [piece for piece in advice(project)["advice"] if piece["kind"] == "few_pictures"]
    for piece in pieces:
        assert piece["actions"] == ["dismiss"]
        settle(project, piece, "dismiss")
    dismissed = {piece["classes"][0] for piece in pieces}

    project.upload(*shots("crow", 1, 1), into=pieces[0]["classes"][0])

    kept = [piece for piece in advice(project)["advice"] if piece["kind"] == "few_pictures"]
    assert pieces
    assert not dismissed & {piece["classes"][0] for piece in kept}
    assert len(advice(project)["settled"]) == len(pieces)


def test_advice__that_is_gone_or_has_no_such_action__is_refused(mislabelled):
    project = mislabelled
    (piece,) = about(project, project.wrong)

    wrong = project.client.post(f"/advice/{piece['id']}", json={"action": "dismiss"})
    gone = [
        project.client.post(f"/advice/{'0' * 32}", json={"action": "keep"}),
        project.client.delete(f"/advice/{piece['id']}"),
    ]

    assert wrong.json()["kind"] == "invalid"
    assert [response.json()["kind"] for response in gone] == ["no-such-advice"] * 2


def test_advice__on_pictures_alike_and_like_no_class__labels_them_all(filled, shots):
    project = filled
    first, *others = project.upload(*shots("car", 7))["added"]
    project.client.post("/labels", json={"labels": {first: "none"}})

    project.answers()
    (piece,) = [piece for piece in advice(project)["advice"] if piece["kind"] == "alike"]
    assert len(piece["pictures"]) >= 5
    assert {*piece["pictures"]} <= {*others}
    assert piece["sentence"].startswith(f"{len(piece['pictures'])} pictures look alike and like")
    settle(project, piece, "none")

    assert {*project.state["none"]} == {*piece["pictures"], first}
    project.client.delete(f"/advice/{piece['id']}")
    assert {*piece["pictures"]} <= {*project.state["tray"]}


def test_advice__on_pictures_that_were_moved_since__does_not_move_them_again(mislabelled):
    project, key = mislabelled, {"Idempotency-Key": "settled"}
    (piece,) = about(project, project.wrong)
    deer = project.class_of("deer")
    project.session.stop()  # the advice lags behind
    late = project.session.advice()
    project.client.post("/labels", json={"labels": {project.wrong: deer}})
    project.session.advice = lambda: late

    refused = project.client.post(f"/advice/{piece['id']}", json={"action": "move"}, headers=key)

    assert (refused.status_code, refused.json()["kind"]) == (404, "no-such-advice")
    assert label_of(project, project.wrong) == deer


def test_advice__settled_by_a_request_that_is_sent_twice__is_settled_once(mislabelled):
    project = mislabelled
    (piece,) = about(project, project.wrong)

    def send():
        return project.client.post(
            f"/advice/{piece['id']}", json={"action": "move"}, headers={"Idempotency-Key": "one"}
        )

    statuses = [send().status_code, bool(advice(project)) and send().status_code]

    assert statuses == [200, 200]
    assert label_of(project, project.wrong) == project.class_of("crow")
