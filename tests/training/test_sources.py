from __future__ import annotations

import numpy as np
import pytest

from episodes import ClassSplit, EpisodeSpec
from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.training.config import SourceConfig, SplitPart
from metaadapter.training.sources import load_source

EPISODES = EpisodeSpec(n_way=(2, 5), n_shot=(1, 3))


@pytest.fixture
def load(tmp_path):
    def load(*stores, average_views=False, **settings):
        config = SourceConfig(name="birds", stores=stores, **settings)
        return load_source(config, tmp_path, EPISODES, average_views=average_views)

    return load


def test_load_source__one_store__has_its_features_labels_texts_and_scale(load, make_store):
    store = make_store("a", {"heron": 3, "": 2, "stork": 2}, n_views=2)

    source = load("a")

    kept = [0, 1, 2, 5, 6]  # pictures without a label are left out
    np.testing.assert_allclose(source.tasks.features_nVD, store.by_picture()[kept], atol=1e-3)
    np.testing.assert_allclose(source.tasks.features_nVD.norm(dim=-1), 1, atol=1e-6)
    assert source.tasks.labels_n.tolist() == [0, 0, 0, 1, 1]
    assert source.classes == ("heron", "stork")
    np.testing.assert_array_equal(source.tasks.text_CD, store.texts)
    assert source.tasks.logit_scale == 20.0
    assert source.picture_hashes == {f"a-{number}" for number in kept}


def test_load_source__several_stores__are_domains_joined_by_class_name(load, make_store):
    first = make_store("a", {"heron": 2, "stork": 1})
    second = make_store("b", {"crane": 1, "heron": 3}, seed=1)

    source = load("a", "b")

    assert source.classes == ("crane", "heron", "stork")
    assert source.tasks.labels_n.tolist() == [1, 1, 2, 0, 1, 1, 1]
    assert source.tasks.domains_n.tolist() == [0, 0, 0, 1, 1, 1, 1]
    expected = [second.texts[0], first.texts[0], first.texts[1]]
    np.testing.assert_array_equal(source.tasks.text_CD, expected)


@pytest.fixture
def split(tmp_path):
    """Writes a split; gives one of its parts, as a configuration names it."""

    def part_of(part, **parts):
        ClassSplit(parts).save(tmp_path / "split.json")
        return SplitPart(split=str(tmp_path / "split.json"), part=part)

    return part_of


def test_load_source__part_of_a_split__has_these_classes_only(load, make_store, split):
    make_store("a", {"crane": 2, "heron": 2, "stork": 2})

    source = load("a", classes=split("train", train=("stork", "crane"), rest=("heron",)))

    assert source.classes == ("crane", "stork")
    assert source.tasks.labels_n.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("part", "parts", "message"),
    [
        (
            "test",
            {"train": ("crane",), "rest": ("heron",)},
            r"in a part 'test'; it has parts rest, train",
        ),
        (
            "train",
            {"train": ("crane", "owl")},
            r"names 1 classes that its stores do not have, .*'owl'",
        ),
        (
            "rest",
            {"train": ("crane",), "rest": ()},
            r"'birds': .*json has no classes in a part 'rest'; it",
        ),
    ],
    ids=["no such part", "other classes", "no classes"],
)
def test_load_source__split_that_does_not_fit__is_refused(
    load, make_store, split, part, parts, message
):
    make_store("a", {"crane": 2})

    with pytest.raises(DataError, match=message):
        load("a", classes=split(part, **parts))


def test_load_source__stores_that_do_not_fit_together__are_refused(load, make_store):
    make_store("a", {"heron": 2})
    make_store("two views", {"heron": 2}, n_views=2)
    make_store("other encoder", {"heron": 2}, encoder="stripes")
    make_store("no labels", {"": 2})

    with pytest.raises(DataError, match=r"'birds' have \[1, 2\] views a picture"):
        load("a", "two views")
    with pytest.raises(IncompatibleArtifact, match="other encoder"):
        load("a", "other encoder")
    with pytest.raises(DataError, match="no labels has no labelled pictures"):
        load("no labels")
    with pytest.raises(DataError, match="nowhere"):
        load("nowhere")
