"""The advice of the page agrees with its predictions of left-out pictures."""

from __future__ import annotations

import re

import numpy as np
import pytest

from metaadapter.apps.field.series import Seen
from metaadapter.apps.page.answers import Results, updated
from metaadapter.apps.page.entries import ClassEntry, PictureEntry
from metaadapter.apps.page.hints import advice_on
from metaadapter.apps.page.snapshot import Snapshot
from metaadapter.features.image_encoder import ImageEncoder

WIDTH = 24
WARM = (250, 20, 20), (200, 120, 20), (250, 120, 120)
COLD = (20, 20, 250), (20, 120, 200), (120, 120, 250)
COUNTS = r"(\d+|None) of the (\d+) pictures of .* would be recognised"


@pytest.fixture
def publish(colour_encoder):
    """The results for two classes whose names say nothing, with so many pictures each."""

    def make(shots, *, seed, n_copies, in_series=False, n_kept=None):
        rng = np.random.default_rng(seed)
        mean = rng.standard_normal(WIDTH)
        labels = [number for number, n in enumerate(shots) for _ in range(n)]
        rows = mean + 0.8 * rng.standard_normal((len(labels), WIDTH))
        rows = np.concatenate([rows, rows[:n_copies]])
        labels = [*labels, *labels[:n_copies]]
        ids = [f"{number:064x}" for number in range(len(labels))][:n_kept]
        rows = (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)
        snapshot = Snapshot(
            revision=0,
            classes={str(n): ClassEntry(name=f"class {n}", place=n) for n in range(2)},
            pictures={
                key: PictureEntry(name=f"{key}.png", labels=(str(label),), place=place)
                for place, (key, label) in enumerate(zip(ids, labels, strict=False))
            },
            encoded=dict(zip(ids, rows, strict=False)),
            series={key: Seen(ids[n % sum(shots)], n, None) for n, key in enumerate(ids)}
            if in_series
            else {},
        )
        return updated(Results(), snapshot, colour_encoder)

    return make


def right(results, pictures):
    """The number of pictures whose left-out prediction is their label."""
    labels = zip(results.labelled, results.task.labels, strict=True)
    label_of = {picture: label for picture, (label,) in labels}
    return sum(results.left_out[picture].label == label_of[picture] for picture in pictures)


def test_advice__class_that_needs_pictures__counts_the_answers_of_the_page(publish):
    counts = set()
    for seed in range(8):
        results = publish((2, 3), seed=seed, n_copies=seed % 2)
        for advice in advice_on(results, ()):
            if advice.kind != "few_pictures":
                continue
            n_right, n = re.search(COUNTS, advice.sentence).groups()
            assert int(n) == len(advice.pictures)
            assert int(n_right.replace("None", "0")) == right(results, advice.pictures)
            counts.add(n_right)
    assert len(counts) > 1


def test_left_out__of_frames_of_a_series__is_that_of_the_first_frames_alone(publish):
    first = publish((4, 5), seed=0, n_copies=6, n_kept=9)
    series = publish((4, 5), seed=0, n_copies=6, in_series=True)
    copies = publish((4, 5), seed=0, n_copies=6)

    assert series.left_out.keys() == first.left_out.keys() < copies.left_out.keys()
    for picture, answer in first.left_out.items():
        assert series.left_out[picture].label == answer.label
        assert series.left_out[picture].probability == pytest.approx(answer.probability)


@pytest.mark.parametrize(
    ("fits", "reads", "classes"),
    [
        (True, True, ["blue", "red", "red fox"]),
        (True, False, ["blue", "red"]),
        (False, True, ["blue", "red"]),
    ],
)
def test_results__class_without_a_picture__waits_for_one_unless_names_alone_tell_pictures_apart(
    colour_encoder, fits, reads, classes
):
    class WithoutTexts(ImageEncoder):
        name, fingerprint, encode_pixels = "pictures", colour_encoder.fingerprint, None

    rows = colour_encoder.encode_texts(["red", "blue"] if fits else ["blue", "red"])
    names = {"a": "red", "b": "blue", "c": "red fox"}
    snapshot = Snapshot(
        revision=0,
        classes={key: ClassEntry(name=name, place=0) for key, name in names.items()},
        pictures={
            f"{number:064x}": PictureEntry(name="a.png", labels=(label,), place=number)
            for number, label in enumerate("aaabbb")
        },
        encoded={f"{number:064x}": rows[number // 3] for number in range(6)},
    )

    results = updated(Results(), snapshot, colour_encoder if reads else WithoutTexts())

    assert sorted(results.stored.config.classes) == classes


def test_copies__of_a_selection__one_of_each_group_counts_and_none_of_labelled_ones(
    project, picture
):
    warm = [(f"warm/{n}.png", picture(one)) for n, one in enumerate(WARM)]
    cold = [(f"cold/{n}.png", picture(one)) for n, one in enumerate(COLD)]
    new = [(f"{n}.png", picture(one)) for n, one in enumerate([(20, 250, 20), (250, 20, 250)])]
    project.upload(*warm, *cold, into="folders")
    once = project.upload(*new)["added"]
    again = project.upload(*((f"copy {n}.png", new[0][1] + bytes([n])) for n in range(4)))["added"]
    labelled = project.upload(("copy.png", warm[0][1] + b"a"))["added"]
    project.answers()

    def copies(*pictures):
        return project.client.post("/copies", json={"pictures": pictures}).json()

    assert copies(*once) == {"kept": once, "n_copies": 0}
    assert copies(*once, *again) == {"kept": once, "n_copies": 5}
    assert copies(*labelled, once[1]) == {"kept": [once[1]], "n_copies": 1}


def test_reasons__of_an_answer__are_examples_and_the_answer_without_them(project):
    project.fill()
    answers = project.answers()["answers"]
    one, answer = next(iter(answers.items()))

    reasons = project.client.get(f"/pictures/{one}/reasons").json()

    assert reasons["answer"] == answer["class"]
    first = reasons["for"][0]
    assert project.session.snapshot().pictures[first["picture"]].labels == (first["class"],)
    project.client.post("/labels", json={"labels": {first["picture"]: None}})
    again = project.answers()["answers"][one]
    assert again["class"] == first["answer"]
    if again["class"] == answer["class"]:
        assert again["probability"] == pytest.approx(first["probability"], abs=1e-3)
    (labelled, *_) = project.session.snapshot().labelled
    refused = project.client.get(f"/pictures/{labelled}/reasons")
    assert (refused.status_code, refused.json()["kind"]) == (409, "no-answer")


def test_expected__accuracy__comes_with_two_pictures_a_class(project, picture):
    few = project.fill(n_shots=1, n_tray=1)
    assert few["expected"] == []
    more = [(f"{one}/more.png", picture(one) + b"again") for one in ("red", "green", "blue")]
    project.upload(*more, into="folders")

    expected = project.answers()["expected"]

    assert [one["times"] for one in expected] == [1, 2, 4, 8]
    assert 0 < expected[0]["low"] <= expected[0]["accuracy"] <= expected[1]["accuracy"] <= 1
