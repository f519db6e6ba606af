from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from metaadapter.apps.advice.advise import advise

KINDS = ["stranger", "label", "near_duplicate", "few_pictures", "confused", "name"]


def of_kind(advice, kind):
    return [item for item in advice if item.kind == kind]


@pytest.mark.parametrize("seed", range(20))
def test_advise__clean_pictures__says_nothing(make_pictures, seed):
    assert make_pictures(("bear", "crow", "deer", "fox", "hare"), seed=seed).advice() == []


def test_advise__one_wrong_label__names_the_picture_and_both_classes(clean):
    (advice,) = clean.labelled(_3="owl").advice()

    assert advice.kind == "label"
    assert (advice.classes, advice.pictures) == (("owl", "bear"), (3,))
    assert "labelled 'owl' looks like 'bear': correct its label" in advice.sentence


def test_advise__many_wrong_labels__are_all_named_the_most_doubtful_first(make_pictures):
    labels = ("bear", "crow", "deer", "fox", "hare", "owl")
    pictures = make_pictures(labels, n_shot=12).labelled(
        _3="owl", _14="bear", _26="crow", _38="deer", _50="fox", _62="hare"
    )

    doubted = [item.pictures[0] for item in of_kind(pictures.advice(), "label")]

    assert {*doubted} == {3, 14, 26, 38, 50, 62}


@pytest.mark.parametrize("seed", [3, 7, 9])
def test_advise__correct_labels_that_are_hard_to_tell__are_not_doubted(make_pictures, seed):
    labels = tuple(f"{kind} {n}" for kind in ("car", "van") for n in "abcdefghij")
    hard = make_pictures(labels, n_shot=3, spread=1.6, seed=seed)

    assert not of_kind(hard.advice(), "label") + of_kind(hard.advice(), "stranger")


def test_advise__names_none_of_which_fit__are_not_doubted(make_pictures):
    pictures = make_pictures([f"kind {letter}" for letter in "abcdefghijklmnopqrst"])
    rows = np.roll([*pictures.texts.values()], 1, axis=0)
    unknown = replace(pictures, texts=dict(zip(pictures.texts, rows, strict=True)))

    assert not of_kind(unknown.advice(), "name")


def test_advise__copy_in_another_class__is_told_once_and_harms_no_other_picture(clean):
    (advice,) = clean.added(clean.features[7], "fox").advice()

    assert advice.kind == "near_duplicate"
    assert (advice.classes, advice.pictures) == (("crow", "fox"), (7, 36))


def test_advise__copies_in_a_class__count_as_one_picture(clean):
    one = replace(clean.kept([*range(6, 36), 0]), texts=None)

    several = one.kept([*range(31), 30, 30, 30])

    (need,), (copies, same_need) = one.advice(), several.advice()
    assert need.sentence == ("The class 'bear' has a single picture: add some that look different.")
    assert copies.kind == "near_duplicate"
    assert same_need == need


def test_advise__class_of_few_pictures__needs_more(clean):
    few = replace(clean.kept(range(31)), texts=None)

    (advice,) = few.advice()

    assert advice.kind == "few_pictures"
    assert (advice.classes, advice.pictures) == (("owl",), (30,))


def test_advise__hard_class__is_told_how_many_pictures_are_recognised(make_pictures):
    hard = make_pictures(("crow", "raven", "fox", "owl"), n_shot=2, alike=("crow", "raven"))

    needs = of_kind(replace(hard, texts=None).advice(), "few_pictures")

    assert needs
    assert {label for item in needs for label in item.classes} <= {"crow", "raven"}
    assert "None of the 2 pictures of 'crow' would be recognised" in needs[0].sentence


def test_advise__two_names_swapped__are_told_as_a_pair(clean):
    texts = clean.texts | {"fox": clean.texts["owl"], "owl": clean.texts["fox"]}

    (advice,) = of_kind(replace(clean, texts=texts).advice(), "name")

    assert advice.classes == ("fox", "owl")
    assert [clean.labels[picture] for picture in advice.pictures] == ["fox"] * 3 + ["owl"] * 3
    assert "fit the pictures of each other better than their own" in advice.sentence


def test_advise__name_of_another_class__says_which_one_it_fits(make_pictures):
    labels = ("bear", "boar", "crow", "deer", "fox", "hare", "lynx", "owl", "toad", "wolf")
    pictures = make_pictures(labels)
    texts = pictures.texts | {"fox": pictures.texts["owl"]}

    (advice,) = of_kind(replace(pictures, texts=texts).advice(), "name")

    assert advice.classes == ("fox", "owl")
    assert "fits those of 'owl' better" in advice.sentence


def test_advise__names_that_say_nothing__are_one_piece_of_advice(clean):
    names = {"fox": "class 3", "owl": "4"}
    labels = [names.get(label, label) for label in clean.labels]
    texts = {names.get(label, label): text for label, text in clean.texts.items()}

    (advice,) = replace(clean, labels=labels, texts=texts).advice()

    assert (advice.kind, advice.classes) == ("name", ("4", "class 3"))


def test_advise__without_texts__still_tells_of_pictures(clean):
    wrong = replace(clean.labelled(_3="owl"), texts=None)

    (advice,) = wrong.advice()

    assert (advice.classes, advice.pictures) == (("owl", "bear"), (3,))


@pytest.fixture(scope="module")
def faulty(make_pictures):
    """Pictures with every kind of fault."""
    labels = ("bear", "crow", "deer", "fox", "hare", "owl", "raven", "toad")
    pictures = make_pictures(labels, alike=("crow", "raven"), seed=1)
    swapped = {"bear": pictures.texts["deer"], "deer": pictures.texts["bear"]}
    pictures = replace(pictures, texts=pictures.texts | swapped).labelled(_25="bear")
    pictures = pictures.added(pictures.features[33], "hare")
    pictures = pictures.added(-pictures.features.sum(0), "owl")
    return pictures.kept([*range(42), 42, 48, 49])


def test_advise__every_fault__is_told_in_the_order_of_what_helps(faulty):
    kinds = [item.kind for item in faulty.advice()]

    assert sorted(kinds, key=KINDS.index) == kinds
    assert set(kinds) == set(KINDS)


def test_advise__pictures_in_another_order__is_the_same(faulty):
    order = np.random.default_rng(0).permutation(len(faulty.labels))

    shuffled = faulty.kept(order)

    advice = [
        (item.kind, item.sentence, {*order[list(item.pictures)].tolist()})
        for item in shuffled.advice()
    ]
    assert advice == [(item.kind, item.sentence, {*item.pictures}) for item in faulty.advice()]


def test_advise__classes_in_another_order__is_the_same(faulty):
    other = dict(zip(sorted(faulty.texts), sorted(faulty.texts, reverse=True), strict=True))
    back = {new: old for old, new in other.items()}
    texts = {other[label]: text for label, text in faulty.texts.items()}
    labels = tuple(other[label] for label in faulty.labels)

    renamed = replace(faulty, texts=texts, labels=labels)

    advice = [
        (item.kind, {back[label] for label in item.classes}, {*item.pictures})
        for item in renamed.advice()
    ]
    assert advice == [(item.kind, {*item.classes}, {*item.pictures}) for item in faulty.advice()]


def test_advise__features_rotated_and_longer__is_the_same(faulty):
    rng = np.random.default_rng(1)
    width = faulty.features.shape[1]
    rotation = np.linalg.qr(rng.standard_normal((width, width)))[0].astype(np.float32)
    texts = {label: 3 * text @ rotation for label, text in faulty.texts.items()}

    rotated = replace(faulty, features=2 * faulty.features @ rotation, texts=texts)

    assert rotated.advice() == faulty.advice()


def test_advise__two_or_three_random_pictures__seldom_doubts_a_label():
    n_doubted = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        texts = {label: rng.standard_normal(16) for label in ("fox", "hare", "owl")}

        advice = advise(rng.standard_normal((3, 16)), ["fox", "owl", "owl"], texts)

        kinds = {item.kind for item in advice}
        assert kinds - {"label", "stranger"} == {"few_pictures"}
        n_doubted += kinds != {"few_pictures"}
    assert n_doubted <= 10
