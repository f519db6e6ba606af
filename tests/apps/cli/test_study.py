from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from metaadapter.bench.peers import fine_tuned_tower
from metaadapter.bench.scenes import methods, run
from tests.apps.cli.test_documented_json import agrees

COLOURS = {"empty": (90, 90, 90), "lynx": (200, 170, 90), "red_fox": (220, 70, 20)}


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Five scenes of each class, of two frames each."""
    folder = tmp_path_factory.mktemp("frames")
    rng = np.random.default_rng(0)
    for label, colour in COLOURS.items():
        (folder / label).mkdir()
        for scene in range(5):
            blocks = rng.integers(-60, 61, (8, 8, 1)).repeat(4, axis=0).repeat(4, axis=1)
            for number in range(2):
                pixels = np.array(colour) + blocks + rng.integers(-4, 5, blocks.shape)
                picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
                picture.save(folder / label / f"{scene}-{number}.png")
    return folder


@pytest.fixture
def study(monkeypatch, encoder, frames, tmp_path):
    """The arguments of a short study."""
    monkeypatch.setattr(fine_tuned_tower, "N_STEPS", 2)
    monkeypatch.setattr(run, "TOWER_DRAWS", 1)
    few = ("--shots", "1,2", "--draws", 2, "--encoder", encoder)
    return ("study", frames, "--out", tmp_path / "study", *few)


def test_study__of_labelled_frames__writes_a_page_and_what_is_documented(run, study, tmp_path):
    done = run(*study, "--json")

    assert done.code == 0, done.err
    assert agrees(done.document, "metaadapter.study/1")
    assert done.document["n_scenes"] == dict.fromkeys(COLOURS, 5)
    assert done.document["background"] == ["empty"]
    assert set(done.document["means"]["macro_f1"]) == set(methods.METHODS)
    assert done.document["n_draws"][methods.TOWER] == 1
    assert done.document["means"]["trained"]["zero-shot"]["1"]["mean"] == 0
    assert done.document["means"]["trained"][methods.TOWER]["1"]["mean"] > 1000
    page = (tmp_path / "study" / "study.html").read_text()
    assert "<script" not in page
    assert "http" not in page.split("</style>")[1]
    for method in methods.METHODS:
        assert method in page
    kept = json.loads((tmp_path / "study" / "study.json").read_text())
    assert kept["means"] == done.document["means"]


def test_study__given_again__measures_nothing_twice(run, study, monkeypatch):
    study += ("--shots", "1")
    first = run(*study, "--json").document

    def refuse(*_):
        raise AssertionError("a cell was measured again")

    monkeypatch.setattr("metaadapter.bench.scenes.run.answer_by", refuse)
    again = run(*study, "--json").document

    assert again["means"] == first["means"]


def test_study__broken_frames__are_listed_and_left_out(run, study, frames, tmp_path):
    source = shutil.copytree(frames, tmp_path / "frames")
    (source / "lynx" / "broken.png").write_bytes(b"no picture")

    done = run("study", source, *study[2:], "--shots", "1")

    assert done.code == 0
    assert "left out, because unreadable: 1" in done.err


@pytest.mark.parametrize(
    ("source", "shots", "reason"),
    [
        *(("all", shots, "expected whole numbers") for shots in ("0", "x", "1,,2")),
        ("one species", "1", "at least two species"),
    ],
)
def test_study__what_cannot_be_measured__ends_with_2(
    run, study, frames, tmp_path, source, shots, reason
):
    for label in ("empty", "lynx"):
        shutil.copytree(frames / label, tmp_path / "few" / label)

    source = frames if source == "all" else tmp_path / "few"
    done = run("study", source, *study[2:], "--shots", shots)

    assert done.code == 2
    assert reason in done.err
