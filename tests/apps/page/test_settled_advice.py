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


def advice(project):
    project.session.wait_for_results()
    return project.client.get("/advice").json()


def about(project, picture):
    return [piece for piece in advice(project)["advice"] if piece["pictures"] == [picture]]


def settle(project, piece, action):
    response = project.client.post(f"/advice/{piece['id']}", json={"action": action})
    assert response.status_code == 200, response.text


def label_of(project, picture):
    return project.session.read(lambda contents: (*contents.pictures[picture].labels, None)[0])


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
    folder = project.session.project.folder.name
    project.client.post("/projects", json={"name": f"{folder} and another"})
    project.client.post("/projects/open", json={"folder": folder})

    assert not about(project, project.wrong)
    assert label_of(project, project.wrong) == (
        "none" if action == "none" else project.class_of("bear")
    )
    assert [entry["action"] for entry in advice(project)["settled"]] == [action]
