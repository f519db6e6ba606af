"""Scenes: exact boxes, true phrases, classes apart, the same picture from the same seed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tools.scenes import scene as scene_module
from tools.scenes.make import make_split
from tools.scenes.scene import Placed, box_of, make_scene
from tools.scenes.sentences import captions, questions
from tools.scenes.sources import ObjectClass, Source

NAMES = ("mug", "lamp", "black cat", "cat", "anchor", "kettle", "violin", "cup with straw")
ALPHA, PLAIN = Source("drawn", "alpha"), Source("photographs", "plain")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Drawn things on nothing, photographs of things on plain ground, and backgrounds."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for name in NAMES:
        for part in ("drawn", "photographs"):
            (folder / part / name).mkdir(parents=True)
        shape = Image.new("RGBA", (64, 64))
        corners = [tuple(corner) for corner in rng.integers(4, 60, (5, 2)).tolist()]
        ImageDraw.Draw(shape).polygon(corners, fill=(*rng.integers(0, 200, 3).tolist(), 255))
        shape.save(folder / "drawn" / name / "0.png")
        photo = Image.new("RGB", (120, 90), (250, 250, 250))
        ImageDraw.Draw(photo).ellipse((30, 20, 90, 70), fill=(90, 60, 30))
        photo.save(folder / "photographs" / name / "0.png")
    (folder / "grounds").mkdir()
    for number in range(20):
        pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((200, 150)).save(folder / "grounds" / f"{number:02}.png")
    return folder


@pytest.fixture(scope="module")
def scene_of(data):
    """The scene of drawn things that a seed gives."""
    classes, grounds = classes_of(data, ALPHA), sorted((data / "grounds").iterdir())

    def make(seed):
        return make_scene(classes, chances(classes), grounds, np.random.default_rng(seed))

    return make


def classes_of(data, source):
    folders = sorted((data / source.folder).iterdir())
    return [ObjectClass(path.name, source, tuple(path.iterdir())) for path in folders]


def chances(classes):
    return np.full(len(classes), 1 / len(classes))


def placed(name, x, y, *, colour=None, length=0.1):
    box = (x - length / 2, y - length / 2, x + length / 2, y + length / 2)
    return Placed(name, "drawn", colour, "small", box, 1.0)


def test_a_box_is_exactly_around_the_pixels_that_the_object_changed(data, scene_of, monkeypatch):
    monkeypatch.setattr(scene_module, "N_OBJECTS", (1,))
    monkeypatch.setattr(scene_module, "N_OBJECT_CHANCES", (1.0,))
    grounds = sorted((data / "grounds").iterdir())
    for seed in range(5):
        scene = scene_of(seed)
        again = np.random.default_rng(seed)
        size = scene_module.CANVASES[again.integers(3)]
        bare = scene_module.background(grounds[again.integers(len(grounds))], size, again)
        changed = np.abs(np.asarray(scene.picture).astype(int) - np.asarray(bare)).max(2) > 0

        # Half-transparent pixels at the rim do not count as seen.
        pixel = 1.5 / min(size)
        np.testing.assert_allclose(scene.objects[0].box, box_of(changed), atol=pixel)


def test_captions_name_everything_and_questions_have_their_right_answer():
    objects = [
        placed("mug", 0.2, 0.5, colour="red"),
        placed("lamp", 0.8, 0.5),
        placed("anchor", 0.8, 0.1),
    ]
    rng = np.random.default_rng(0)

    first, second = captions(objects, rng)
    by_question = {question.question: question for question in questions(objects, NAMES, rng)}

    assert all(name in first for name in ("a red mug", "a lamp", "an anchor"))
    assert second in {
        f"{one} {relation} {other}"
        for one, relation, other in (
            ("a red mug", "left of", "a lamp"),
            ("a lamp", "right of", "a red mug"),
            ("an anchor", "above", "a lamp"),
            ("a lamp", "below", "an anchor"),
            ("a red mug", "left of", "an anchor"),
            ("an anchor", "right of", "a red mug"),
        )
    }
    colour = by_question["What colour is the mug?"]
    assert colour.answers[colour.right] == "red"
    above = by_question["What is above the lamp?"]
    assert above.answers[above.right] == "anchor"
    assert above.phrase == "above the lamp"
    assert all(
        len(set(question.answers)) == len(question.answers) > 1 for question in by_question.values()
    )


def test_a_scene_depends_on_its_seed_and_number_alone(data, tmp_path):
    classes, grounds = (
        classes_of(data, ALPHA) + classes_of(data, PLAIN),
        [*(data / "grounds").iterdir()],
    )
    for name, n_scenes in (("one", 4), ("more", 6)):
        make_split("train", classes, sorted(grounds), n_scenes, 0.3, 7, tmp_path / name)

    short, long = (
        (tmp_path / name / "train.jsonl").read_text().splitlines() for name in ("one", "more")
    )
    assert long[:4] == short
    record = json.loads(short[0])
    assert record["form"] in ("pasted", "collage")
    one, more = ((tmp_path / name / record["picture"]).read_bytes() for name in ("one", "more"))
    assert one == more
    with Image.open(tmp_path / "one" / record["picture"]) as picture:
        assert picture.size == (record["width"], record["height"])
