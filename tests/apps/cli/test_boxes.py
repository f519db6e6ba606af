"""`adapt` from boxes with labels in every format, and `predict --export` into every format."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from metaadapter.adapter.files import load_adapter
from metaadapter.apps.cli.app import main
from metaadapter.data.boxes.formats import FORMATS, read_boxes, write_boxes
from metaadapter.data.boxes.frame_detections import WHOLE, Detection, FrameDetections
from metaadapter.data.boxes.listing import Listing
from metaadapter.data.crop import Box

COLOURS = {"heron": (40, 90, 200), "red fox": (220, 70, 20)}
BOXES = {"heron": Box(0.0625, 0.25, 0.3125, 0.5), "red fox": Box(0.5625, 0.25, 0.3125, 0.5)}
WRITERS = [name for name, one in FORMATS.items() if one.write]
PAGE = Path(__file__).parents[3] / "docs/how-to/fiftyone.md"


@pytest.fixture(scope="module")
def trap(tmp_path_factory):
    """A folder with pictures in `photos`, each with a box of both classes, and these boxes."""
    folder = tmp_path_factory.mktemp("trap")
    rng, frames = np.random.default_rng(0), []
    for number in range(6):
        pixels = 90 + rng.integers(-8, 9, (64, 128, 3))
        for label, box in BOXES.items():
            left, top = round(box.left * 128), round(box.top * 64)
            colour = np.array(COLOURS[label]) + rng.integers(-20, 21, (32, 40, 3))
            pixels[top : top + 32, left : left + 40] = colour
        file = f"{'ab'[number % 2]}/{number}.png"
        (folder / "photos" / file).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / "photos" / file)
        found = tuple(Detection(label, 1.0, box) for label, box in BOXES.items())
        frames.append(FrameDetections(file, found, size=(128, 64)))
    listing = Listing("", {"1": "heron", "2": "red fox"}, frames)
    for name in WRITERS:
        write_boxes(listing, name, folder / name)
    return folder


@pytest.fixture(scope="module")
def named(trap):
    """The boxes under names that end as users name them."""
    endings = {"coco": "coco.json", "cvat": "cvat.xml", "label-studio": "export.json"}
    for name, file in endings.items():
        (trap / file).write_bytes((trap / name).read_bytes())
    return {name: trap / endings.get(name, name) for name in WRITERS}


@pytest.fixture(scope="module")
def animals(encoder, named, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters") / "animals"
    words = ["adapt", named["coco"], "--out", folder, "--encoder", encoder]
    assert main([*map(str, words)]) == 0
    return folder


@pytest.mark.parametrize("name", [*WRITERS, "manifest"])
def test_adapt__boxes_of_any_format__give_the_adapter_of_a_manifest(
    adapt, named, trap, tmp_path, animals, name
):
    source, options = named.get(name), ("--pictures", trap / "photos")
    if name == "manifest":  # the second witness: the boxes as columns
        source, options = tmp_path / "boxes.csv", ()
        lines = [
            f"{path},{label},{path},{','.join(map(str, box))}"
            for path in sorted((trap / "photos").rglob("*.png"), key=lambda path: path.name)
            for label, box in BOXES.items()
        ]
        head = "path,label,group,box_left,box_top,box_width,box_height"
        source.write_text("\n".join([head, *lines]))

    done = adapt(source, *options, "--json", out=tmp_path / "other")

    assert done.code == 0, done.err
    one, other = load_adapter(animals), load_adapter(tmp_path / "other")
    assert {*one.picture_hashes} == {*other.picture_hashes}
    assert [*map(str, other.config.classes)] == ["heron", "red fox"]
    assert [*other.config.n_shots] == [6, 6]


def test_adapt__pictures_not_near__says_what_to_type(adapt, trap, tmp_path):
    (tmp_path / "coco.json").write_bytes((trap / "coco").read_bytes())

    done = adapt(tmp_path / "coco.json", out=tmp_path / "other")

    assert done.code == 3
    assert "`adapt FILE --pictures FOLDER`" in done.err


# Formats do not know one another: each is read once, and written once.
@pytest.mark.parametrize(
    ("source", "name"),
    [*zip(repeat("coco"), WRITERS), ("yolo", "coco"), ("voc", "coco"), ("label-studio", "coco")],
)
def test_predict__detections_and_export__keep_boxes_with_new_labels(
    run, trap, animals, tmp_path, name, source
):
    out = tmp_path / "out"
    ask = ("--detections", trap / source, "--export", f"{name}:{out}")
    done = run("predict", animals, trap / "photos", *ask)
    assert done.code == 0, done.err
    assert (f"ln -s {trap / 'photos'} {out / 'images'}" in done.err) == (name == "yolo")
    first = out.read_bytes() if out.is_file() else sorted(out.rglob("*"))
    assert run("predict", animals, trap / "photos", *ask).code == 0  # replaces its own

    assert first == (out.read_bytes() if out.is_file() else sorted(out.rglob("*")))
    (out / "images").symlink_to(trap / "photos") if name == "yolo" else None
    read = {frame.file.removeprefix("images/"): frame for frame in read_boxes(out).frames}
    assert [*read] == sorted(f"{'ab'[number % 2]}/{number}.png" for number in range(6))
    for frame in read.values():
        assert {box.category: box.box for box in frame.detections} == {
            label: pytest.approx(tuple(box), abs=1e-9) for label, box in BOXES.items()
        }
        assert name == "yolo" or all(0.5 < box.confidence <= 1 for box in frame.detections)


def test_predict__whole_pictures__are_choices_for_label_studio(run, trap, animals, tmp_path):
    out = tmp_path / "tasks.json"

    done = run("predict", animals, trap / "photos", "--export", f"label-studio:{out}")

    assert done.code == 0, done.err
    assert f"relative to {trap / 'photos'}" in done.err
    tasks = json.loads(out.read_text())
    (prediction,) = tasks[0]["predictions"]
    assert tasks[0]["data"] == {"image": "/data/local-files/?d=a/0.png"}
    assert prediction["model_version"] == "metaadapter animals"
    assert [result["type"] for result in prediction["result"]] == ["choices"]
    assert {box.box for frame in read_boxes(out).frames for box in frame.detections} == {WHOLE}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_docs__page_of_fiftyone__runs_with_its_database(run, trap, animals, tmp_path):
    pytest.importorskip("fiftyone.brain")
    (tmp_path / "photos").symlink_to(trap / "photos")
    coco = ("--detections", trap / "coco", "--export", f"coco:{tmp_path / 'answers.json'}")
    photos = tmp_path / "photos"
    assert run("predict", animals, photos, *coco).code == 0
    assert run("predict", animals, photos, "--out", tmp_path / "answers.csv").code == 0
    assert run("encode", photos, "--out", tmp_path / "features").code == 0
    blocks = re.findall(r"^```py\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    text = "\n".join(blocks).replace("fo.launch_app(dataset)\n", "")
    last = 'print("counted", boxes.count_values("metaadapter.detections.label"))'
    (tmp_path / "page.py").write_text(f"{text}\n{last}\n")

    done = subprocess.run(
        [sys.executable, "page.py"],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path), "FIFTYONE_DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    if "MongoDB could not be installed" in done.stderr:
        pytest.skip("FiftyOne has no database here")
    assert done.returncode == 0, done.stderr
    assert "counted {'heron': 6, 'red fox': 6}" in done.stdout
    again = run("adapt", tmp_path / "boxes/labels.json", "--out", tmp_path / "again")
    assert again.code == 0, again.err
    assert {path.name for path in (tmp_path / "labelled").iterdir()} <= {*COLOURS}
