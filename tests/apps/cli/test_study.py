from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from metaadapter.features.store.feature_store import FeatureStore
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
def study(encoder, frames, tmp_path):
    """The arguments of a short study."""
    few = ("--shots", "1", "--draws", 2, "--encoder", encoder, "--jobs", 1)
    return ("study", frames, "--out", tmp_path / "study", "--methods", "GDA,zero-shot", *few)


def test_study__of_labelled_frames__writes_a_page_and_what_is_documented(run, study, tmp_path):
    done = run(*study, "--methods", "default,zero-shot,GDA", "--shots", "1,9", "--json")

    assert done.code == 0, done.err
    assert agrees(done.document, "metaadapter.study/1")
    assert done.document["n_scenes"] == dict.fromkeys(COLOURS, 5)
    assert done.document["species"] == ["lynx", "red_fox"]
    assert set(done.document["means"]["macro_f1"]) == {"default", "zero-shot", "GDA"}
    assert set(done.document["means"]) >= {"accuracy", "ece", "false_alarms", "missed"}
    assert done.document["means"]["trained_parameters"]["zero-shot"]["1"]["mean"] == 0
    # A third of five scenes is two; of the two near copies in each other scene, one is used.
    assert done.document["reached"]["9"]["lynx"] == {"frames": 3, "scenes": 3}
    assert done.document["reached"]["1"]["lynx"] == {"frames": 1, "scenes": 1}
    # Two draws are too few for an interval.
    assert done.document["means"]["macro_f1"]["default"]["1"]["half"] is None
    page = (tmp_path / "study" / "study.html").read_text()
    assert "<script" not in page
    assert "http" not in page.split("</style>")[1]
    assert "too few for" in page
    assert "lynx 3.0 from 3.0 scenes" in page
    for method in ("default", "zero-shot", "GDA"):
        assert f">{method}<" in page
    kept = json.loads((tmp_path / "study" / "study.json").read_text())
    assert kept["means"] == done.document["means"]
    assert (tmp_path / "study" / "evaluation" / "report.html").exists()


def test_study__with_detections__cuts_boxes_and_says_so(run, study, frames, tmp_path):
    boxes = [{"category": "1", "conf": 0.8, "bbox": [0.25, 0.25, 0.5, 0.5]}]
    listed = [
        {"file": path.relative_to(frames).as_posix(), "detections": boxes}
        for path in sorted(frames.glob("*/*.png"))
        if path.parent.name != "empty"
    ]
    file = tmp_path / "boxes.json"
    file.write_text(json.dumps({"info": {}, "images": listed}))

    whole = run(*study, "--json").document
    more = ("--encoder", f"{study[study.index('--encoder') + 1]},views=2", "--json")
    boxed = run(*study, "--detections", file, "--out", tmp_path / "boxed", *more).document

    assert boxed["boxes"].startswith("20 of them cut to the most confident box of boxes.json")
    assert boxed["boxes"].endswith("and 10 whole")
    assert whole["boxes"] == "whole, without a detector"
    assert boxed["n_scenes"] == whole["n_scenes"]
    assert boxed["means"]["macro_f1"] != whole["means"]["macro_f1"]
    assert FeatureStore.open(tmp_path / "boxed" / "frames").n_views == 2
    page = (tmp_path / "boxed/evaluation/report.html").read_text()
    assert 'alt="A picture of' in page  # every mistake is shown
    assert 'class="muted path"' not in page


def test_study__of_one_species__ends_with_2(run, study, frames, tmp_path):
    for label in ("empty", "lynx"):
        shutil.copytree(frames / label, tmp_path / "few" / label)
    # A vehicle is a class, but no species.
    shutil.copytree(frames / "red_fox", tmp_path / "few" / "vehicle")

    done = run("study", tmp_path / "few", *study[2:])

    assert done.code == 2
    assert "at least two species" in done.err
