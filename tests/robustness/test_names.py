"""Class and file names of people who mean harm, through everything that is written for people."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from markdown_it import MarkdownIt

from benchmarks.robustness.artifacts import run
from metaadapter import FeatureStore
from metaadapter.evaluation.tables import read_table
from metaadapter.plain_text import INVISIBLE

NAMES = (
    '"><img src=x onerror=alert(1)>',
    "--><svg onload=alert(1)>",
    "<!-- metaadapter: end of facts -->",
    "![x](http://example.org/a.png)",
    "[click](javascript:alert(1))",
    "=HYPERLINK(example)",
    "@SUM(1+1)",
    "+1",
    "-1",
    "\x1b[31mred\x1b[0m\x07",
    "two\nlines",
    "carriage\rreturn",
    "a|b|c",
    "`code` *bold* _it_ # head",
    "{{ 7 * 7 }} ${7*7} {% raw %}",
    "\u202etfel ot thgir",
    "back\\slash",
    "</script><script>alert(1)</script>",
    "&lt;b&gt;",
    "'quoted",
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    return written(tmp_path_factory.mktemp("hostile"), NAMES)


@pytest.fixture(scope="module")
def harmless(tmp_path_factory):
    names = tuple(f"name {number}" for number in range(len(NAMES)))
    return written(tmp_path_factory.mktemp("harmless"), names)


def written(folder, names):
    """A store of classes and pictures of these names, and what each command makes of it."""
    rng = np.random.default_rng(0)
    texts = {name: rng.standard_normal(8) for name in names}
    labels = [name for name in names for _ in range(3)]
    features = np.stack([texts[label] for label in labels]) + rng.standard_normal((len(labels), 8))
    paths = [f"{number}/{label}" for number, label in enumerate(labels)]
    store, adapter = folder / "store", folder / "adapter"
    FeatureStore.create(store, features, labels, texts=texts, paths=paths, logit_scale=20.0)
    evaluation = ("--methods=closed-form,zero-shot", "--shots=1,2", "--seeds=1", "--jobs=1")
    ended = [
        run("adapt", store, "--out", adapter),
        run("predict", adapter, store, "--csv", folder / "rows.csv"),
        run("evaluate", store, "--out", folder / "run", *evaluation),
        run("report", folder / "run"),
    ]
    assert [answer.code for answer in ended] == [0] * len(ended), ended
    return folder


def test_class_names__of_any_kind__come_back_from_every_table(hostile):
    with (hostile / "rows.csv").open(encoding="utf-8", newline="") as file:
        assert {row["label"] for row in csv.DictReader(file)} <= set(NAMES)
    for name in ("classes", "confusion"):
        table = read_table(hostile / "run" / f"{name}.csv")
        assert set(table["class" if name == "classes" else "true"]) <= set(NAMES)
    assert set(read_table(hostile / "run" / "classes.csv")["class"]) == set(NAMES)


def test_card__class_names_of_any_kind__are_shown_letter_for_letter(hostile, harmless):
    card, plain = ((folder / "adapter/README.md").read_text() for folder in (hostile, harmless))

    assert kinds(card) == kinds(plain)
    assert not INVISIBLE.search(card.replace("\n", ""))


def kinds(text):
    """The kinds of all tokens of a Markdown text, in order."""
    found = []
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(text):
        found += [token.type, *(child.type for child in token.children or [])]
    return found
