"""Scenes: exact boxes, true phrases, classes apart, the same picture from the same seed."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tools.scenes import photographs
from tools.scenes import scene as scene_module
from tools.scenes.collage import make_collage
from tools.scenes.cutouts import COLOURS, cut_out, painted
from tools.scenes.make import make_split, split_backgrounds
from tools.scenes.scene import Placed, box_of, make_scene
from tools.scenes.sentences import captions, phrases, questions
from tools.scenes.sources import ObjectClass, Source, head_noun, split_classes

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


def is_true(text, thing, objects):
    """Whether a phrase is true of an object, read from its words alone."""
    words = text.removeprefix("the ")
    relation = re.search(r" (left of|right of|above|below) the (.+)$", words)
    if relation:
        other = next(other_thing for other_thing in objects if other_thing.name == relation[2])
        (x, y), (to_x, to_y) = thing.centre, other.centre
        is_there = {"left of": x < to_x, "right of": x > to_x, "above": y < to_y, "below": y > to_y}
        return thing.name == words[: relation.start()] and is_there[relation[1]]
    twins = [other_thing for other_thing in objects if other_thing.name == thing.name]
    for side, axis, chosen in (
        (" on the left", 0, min),
        (" on the right", 0, max),
        (" at the top", 1, min),
    ):
        if words.endswith(side):
            first = chosen(other_thing.centre[axis] for other_thing in twins)
            return words.removesuffix(side) == thing.name and thing.centre[axis] == first
    first, _, rest = words.partition(" ")
    if rest == thing.name and first in ("small", "large"):
        lengths = [other_thing.box[2] - other_thing.box[0] for other_thing in twins]
        extreme = max(lengths) if first == "large" else min(lengths)
        return thing.box[2] - thing.box[0] == extreme
    if rest == thing.name and first in COLOURS:
        return thing.colour == first
    return words == thing.name


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


def test_what_is_seen_of_an_object_is_what_no_later_one_covers(scene_of):
    objects = [thing for seed in range(20) for thing in scene_of(seed).objects]

    assert all(0.6 <= thing.visible <= 1 for thing in objects)
    assert any(thing.visible < 1 for thing in objects)
    assert all(0 <= thing.box[0] < thing.box[2] <= 1 for thing in objects)


def test_every_phrase_is_true_of_its_object_and_of_no_other(scene_of):
    kinds = set()
    for seed in range(60):
        objects = scene_of(seed).objects
        for phrase in phrases(objects):
            kinds.add(phrase.kind)
            assert is_true(phrase.text, objects[phrase.object], objects), phrase
            if phrase.kind != "relation":  # others may stand there, though less plainly
                others = [other for n, other in enumerate(objects) if n != phrase.object]
                assert not any(is_true(phrase.text, other, objects) for other in others), phrase

    assert kinds == {"name", "colour", "size", "place", "relation"}


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


def test_splits_share_no_head_noun_and_those_kept_from_training_come_first(data):
    sources = [ALPHA, Source("photographs", "plain", split=("validation", "test"))]

    splits = split_classes(sources, data, seed=1)

    nouns = {split: {head_noun(thing.name) for thing in some} for split, some in splits.items()}
    assert not nouns["train"] & nouns["validation"]
    assert not nouns["train"] & nouns["test"]
    assert not nouns["validation"] & nouns["test"]
    assert nouns["train"] == set()  # each noun is one of the photographs, too


@pytest.mark.parametrize(
    ("name", "noun"),
    [("black cat", "cat"), ("two cups with straw", "cup"), ("glass", "glass"), ("Cats", "cat")],
)
def test_the_head_noun_is_what_a_name_is_about(name, noun):
    assert head_noun(name) == noun


def test_backgrounds_of_splits_differ(data):
    splits = split_backgrounds([{"folder": "grounds"}], data)

    assert [len(splits[split]) for split in ("train", "validation", "test")] == [14, 3, 3]
    assert len({path for some in splits.values() for path in some}) == 20


def test_an_object_is_cut_from_its_plain_ground_and_left_alone_on_a_busy_one(data):
    cutout = cut_out(data / "photographs" / "mug" / "0.png", "plain")

    assert abs(cutout.width - 61) <= 2
    assert abs(cutout.height - 51) <= 2
    assert np.asarray(cutout)[0, 0, 3] < 128  # a corner outside of the ellipse
    assert cut_out(data / "grounds" / "00.png", "plain") is None


def test_a_painted_object_has_the_colour_and_its_own_outline(data):
    cutout = cut_out(data / "drawn" / "mug" / "0.png", "alpha")

    red = np.asarray(painted(cutout, "red"))

    assert (red[..., 3] == np.asarray(cutout)[..., 3]).all()
    solid = red[red[..., 3] > 200]
    np.testing.assert_allclose(np.median(solid[:, :3], 0), COLOURS["red"], atol=2)


def test_the_object_of_a_photograph_in_a_collage_is_in_its_box(data):
    classes = classes_of(data, PLAIN)
    for seed in range(8):
        scene = make_collage(classes, chances(classes), np.random.default_rng(seed))
        dark = np.asarray(scene.picture.convert("L")) < 128
        height, width = dark.shape
        for thing in scene.objects:
            left, top, right, bottom = (
                round(side * length)
                for side, length in zip(thing.box, (width, height) * 2, strict=True)
            )
            assert dark[top:bottom, left:right].mean() > 0.7  # an ellipse in its box
            dark[top:bottom, left:right] = False
        assert dark.mean() < 0.01


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


def test_photographs__source_that_is_missing__is_named(tmp_path, monkeypatch):
    arguments = ["photographs", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", arguments)

    with pytest.raises(SystemExit, match=r"cannot read .*data/clothing10\.large/.*: No such file"):
        photographs.main()
