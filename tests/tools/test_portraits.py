"""Portraits: large objects with exact boxes; photographs: the table of boxes as scenes."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tools.scenes import portrait
from tools.scenes.make import make_split
from tools.scenes.photographs import BOXES, SPLITS, record
from tools.scenes.portrait import make_portrait
from tools.scenes.scene import box_of
from tools.scenes.sources import ObjectClass, Source


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A dark disc with a speck on light ground, a busy picture, and a ground to paste over."""
    folder = tmp_path_factory.mktemp("data")
    photo = Image.new("RGB", (160, 120), (250, 250, 250))
    draw = ImageDraw.Draw(photo)
    draw.ellipse((50, 30, 110, 90), fill=(40, 30, 30))
    draw.ellipse((5, 5, 9, 9), fill=(40, 30, 30))
    photo.save(folder / "disc.png")
    busy = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    Image.fromarray(busy).save(folder / "busy.png")
    Image.new("RGB", (200, 150), (240, 240, 200)).save(folder / "ground.png")
    return folder


def portraits(data, cut="plain", n=20):
    classes = [ObjectClass("disc", Source("photographs", cut), (data / "disc.png",))]
    for seed in range(n):
        rng = np.random.default_rng(seed)
        yield make_portrait(classes, np.ones(1), [data / "ground.png"], rng)


@pytest.mark.parametrize("own_ground", [0.0, 1.0])
def test_the_box_is_around_the_dark_pixels_of_the_object_alone(data, monkeypatch, own_ground):
    monkeypatch.setattr(portrait, "OWN_GROUND_CHANCE", own_ground)
    monkeypatch.setattr(portrait, "CROWD_CHANCE", 0.0)
    for scene in portraits(data):
        dark = np.asarray(scene.picture.convert("L")) < 128
        (thing,) = scene.objects
        left, top, right, bottom = (
            round(side * length)
            for side, length in zip(thing.box, scene.picture.size * 2, strict=True)
        )
        np.testing.assert_allclose(
            box_of(dark[top:bottom, left:right]), (0, 0, 1, 1), atol=4 / min(dark.shape)
        )


def test_objects_are_large_and_some_reach_beyond_the_picture(data):
    boxes = np.array([scene.objects[0].box for scene in portraits(data, n=60)])
    longer = (boxes[:, 2:] - boxes[:, :2]).max(1)

    assert longer.min() > 0.28
    assert longer.max() > 0.95
    assert ((boxes[:, :2] == 0) | (boxes[:, 2:] == 1)).any()


def test_sources_without_an_object_to_cut_out_are_refused(data):
    busy = [ObjectClass("busy", Source("photographs", "plain"), (data / "busy.png",))]

    with pytest.raises(RuntimeError, match="transparent pictures or even grounds"):
        make_portrait(busy, np.ones(1), [data / "ground.png"], np.random.default_rng(0))


def test_a_share_of_portraits_leaves_the_other_scenes_as_they_are(data, tmp_path):
    classes = [
        ObjectClass(name, Source("photographs", "plain"), (data / "disc.png",))
        for name in ("disc", "wheel", "coin")
    ]
    for name, share in (("none", 0.0), ("some", 0.5)):
        grounds = [data / "ground.png"]
        make_split("train", classes, grounds, 12, 0.3, 0, tmp_path / name, portraits=share)
    none, some = (
        [json.loads(line) for line in (tmp_path / name / "train.jsonl").read_text().splitlines()]
        for name in ("none", "some")
    )

    forms = [scene["form"] for scene in some]
    assert 0 < forms.count("portrait") < 12
    assert all(
        scene == other
        for scene, other in zip(some, none, strict=True)
        if scene["form"] != "portrait"
    )


def test_each_box_by_hand_lies_in_its_picture_and_belongs_to_one_split():
    with BOXES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    sources = [source for some in SPLITS.values() for source in some]
    assert len({row["picture"] for row in rows}) == len(rows)
    for row in rows:
        assert sources.count(row["picture"].split("/")[0]) == 1
        assert 0 <= float(row["left"]) < float(row["right"]) <= 1
        assert 0 <= float(row["top"]) < float(row["bottom"]) <= 1


def test_a_photograph_is_a_scene_of_its_one_object(tmp_path):
    (tmp_path / "source" / "red_fox").mkdir(parents=True)
    Image.new("RGB", (30, 20)).save(tmp_path / "source" / "red_fox" / "1.jpg")
    sides = {"left": "0", "top": "0.1", "right": "0.5", "bottom": "1"}
    row = {"picture": "source/red_fox/1.jpg", **sides}

    scene = record(tmp_path, row)

    assert (scene["width"], scene["height"]) == (30, 20)
    assert scene["objects"][0]["box"] == [0.0, 0.1, 0.5, 1.0]
    assert scene["phrases"] == [{"text": "the red fox", "object": 0, "kind": "name"}]
