"""The advice of the page and its answers about labelled pictures without themselves agree."""

from __future__ import annotations

import re

import numpy as np
import pytest

from metaadapter.apps.page.advice import advice_on
from metaadapter.apps.page.contents import ClassEntry, PictureEntry
from metaadapter.apps.page.results import Results, updated
from metaadapter.apps.page.snapshot import Snapshot

WIDTH = 24
COUNTS = {
    "few_pictures": r"of its (\d+), each answered without itself, (\d+|none) (?:is|are) right",
    "confused": r"of their (\d+) pictures, each answered without itself, (\d+|none) looks? more",
}


@pytest.fixture
def publish(colour_encoder):
    """The answers to two classes of pictures, so many of each, whose names say nothing."""

    def make(shots, *, seed, n_copies=0, n_wrong=0, spread=0.8, apart=0.4):
        rng = np.random.default_rng(seed)
        means = rng.standard_normal(WIDTH) + apart * rng.standard_normal((2, WIDTH))
        labels = [number for number, n in enumerate(shots) for _ in range(n)]
        rows = means[labels] + spread * rng.standard_normal((len(labels), WIDTH))
        rows = np.concatenate([rows, rows[:n_copies]])
        labels = [*labels, *labels[:n_copies]]
        labels[:n_wrong] = [1 - label for label in labels[:n_wrong]]
        ids = [f"picture {number}" for number in range(len(labels))]
        rows = (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)
        now = Snapshot(
            revision=0,
            classes={str(n): ClassEntry(name=f"class {n}", place=n) for n in range(2)},
            pictures={
                each: PictureEntry(name=f"{each}.png", label=str(label), place=place)
                for place, (each, label) in enumerate(zip(ids, labels, strict=True))
            },
            sha256={each: f"{place:064x}" for place, each in enumerate(ids)},
            features=dict(zip(ids, rows, strict=True)),
        )
        return updated(Results(), now, colour_encoder)

    return make


def right(published, pictures):
    """Of how many pictures the answer without them is the class that they are labelled with."""
    label_of = dict(zip(published.labelled, published.task.labels, strict=True))
    return sum(published.left_out[each].label == label_of[each] for each in pictures)


def of_kind(published, kind):
    return [each for each in advice_on(published) if each.kind == kind]


def test_advice__class_that_needs_pictures__counts_the_answers_of_the_page(publish):
    counts = []
    for seed in range(8):
        published = publish((2, 3), seed=seed, n_copies=seed % 2, apart=0.0)
        for advice in of_kind(published, "few_pictures"):
            n, n_right = re.search(COUNTS["few_pictures"], advice.sentence).groups()
            counts.append(int(n_right.replace("none", "0")))
            assert int(n) == len(advice.pictures)
            assert counts[-1] == right(published, advice.pictures)

    assert len(set(counts)) > 1


def test_advice__two_classes_that_are_confused__counts_the_answers_of_the_page(publish):
    counts = []
    for seed in range(8):
        published = publish((5, 6), seed=seed)
        for advice in of_kind(published, "confused"):
            n, n_wrong = re.search(COUNTS["confused"], advice.sentence).groups()
            counts.append(int(n_wrong.replace("none", "0")))
            assert int(n) == 11
            assert counts[-1] == 11 - right(published, published.labelled)

    assert len(set(counts)) > 1


def test_advice__label_that_looks_wrong__is_what_the_page_answers_otherwise(publish):
    published = publish((8, 8), seed=0, n_wrong=1, spread=0.3, apart=2.0)

    (advice,) = of_kind(published, "label")

    assert advice.pictures == ["picture 0"]
    assert published.left_out["picture 0"].label == advice.classes[1] == "0"


def test_advice__sentences__begin_with_a_capital_and_end_with_a_full_stop(publish):
    published = [publish((3, 5), seed=seed, n_copies=2, n_wrong=1) for seed in range(8)]

    told = [each for one in published for each in advice_on(one)]

    assert len({each.kind for each in told}) > 2
    assert all(re.fullmatch(r"[A-Z].*\.", each.sentence) for each in told)
