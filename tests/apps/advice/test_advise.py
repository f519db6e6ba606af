from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from metaadapter.apps.advice.advise import MAX_PICTURES, advise
from metaadapter.errors import UsageError
from metaadapter.generator.pretrained import shared_generator

KINDS = ["stranger", "label", "near_duplicate", "few_pictures", "confused", "name"]


def unlike(pictures, seed=7):
    """A feature at right angles to the mean of each class."""
    means = [pictures.features[pictures.places(label)].mean(0) for label in {*pictures.labels}]
    row = np.random.default_rng(seed).standard_normal(pictures.features.shape[1])
    return row - np.linalg.pinv(means) @ (means @ row)


def of_kind(advice, kind):
    return [item for item in advice if item.kind == kind]


@pytest.mark.parametrize("seed", range(20))
def test_advise__clean_pictures__says_nothing(make_pictures, seed):
    assert make_pictures(("bear", "crow", "deer", "fox", "hare"), seed=seed).advice() == []


def test_advise__one_wrong_label__names_the_picture_and_both_classes(clean):
    (advice,) = clean.labelled(_3="owl").advice()

    assert advice.kind == "label"
    assert (advice.classes, advice.pictures) == (("owl", "bear"), (3,))
    assert "labelled 'owl' looks more like 'bear': correct its label" in advice.sentence


@pytest.mark.parametrize("seed", range(8))
def test_advise__stranger_with_a_label__comes_first(make_pictures, seed):
    names = ("bear", "crow", "deer", "fox", "hare", "owl")
    several = make_pictures(names, n_shot=4, spread=0.4, seed=seed)

    first, *_ = several.added(unlike(several, seed), "fox").advice()

    assert (first.kind, first.classes, first.pictures) == ("stranger", ("fox",), (24,))
    assert first.sentence.startswith("A picture labelled 'fox' looks like none of the classes")


def test_advise__picture_like_those_of_none__comes_first_and_none_is_no_class_to_advise_on(clean):
    (one, *others) = clean.places("owl")
    labels = {f"_{place}": "none of these" for place in others}
    several = replace(clean.labelled(**labels, **{f"_{one}": "fox"}), texts={})

    (advice,) = several.advice()

    assert (advice.kind, advice.classes, advice.pictures) == ("stranger", ("fox",), (one,))


def test_advise__pieces_that_are_settled__make_room_for_others(clean):
    wrong = clean.labelled(_3="owl", _9="hare", _15="owl")
    (first, *others) = wrong.advice()

    rest = wrong.advice(is_settled=lambda piece: piece.pictures == first.pictures)

    assert others
    assert rest == others


def test_advise__wrong_labels_put_right__says_nothing_more(clean):
    wrong = clean.labelled(_3="owl", _20="crow")

    for advice in wrong.advice():
        wrong = wrong.labelled(**{f"_{advice.pictures[0]}": advice.classes[1]})

    assert wrong.labels == clean.labels
    assert wrong.advice() == []


def test_advise__as_many_wrong_labels_as_right_ones__doubts_a_minority_of_the_class(clean):
    wrong = clean.labelled(_3="owl", _4="owl", _9="owl", _10="owl", _15="owl", _16="owl")

    advice = of_kind(wrong.advice(), "label")

    assert 0 < len(advice) <= (len(wrong.places("owl")) - 1) // 2
    assert {item.pictures[0] for item in advice} <= {3, 4, 9, 10, 15, 16}


def test_advise__copy_in_another_class__is_told_once_and_harms_no_other_picture(clean):
    (advice,) = clean.added(clean.features[7], "fox").advice()

    assert advice.kind == "near_duplicate"
    assert (advice.classes, advice.pictures) == (("crow", "fox"), (7, 36))


def test_advise__near_copies_in_a_class__are_one_group(clean):
    jitter = 0.02 * np.random.default_rng(0).standard_normal((2, clean.features.shape[1]))
    several = clean.added(clean.features[7] + jitter[0], "crow")
    several = several.added(clean.features[7] + jitter[1], "crow")

    (advice,) = several.advice()

    assert advice.kind == "near_duplicate"
    assert (advice.classes, advice.pictures) == (("crow",), (7, 36, 37))
    assert advice.sentence.startswith("Among the pictures of 'crow', 3 are nearly the same")


def test_advise__copies_in_a_class__count_as_one_picture(clean):
    one = replace(clean.kept([*range(6, 36), 0]), texts=None)

    several = one.kept([*range(31), 30, 30, 30])

    (need,), (copies, same_need) = one.advice(), several.advice()
    assert need.sentence == (
        "The class 'bear' has a single picture: add more, as different as possible."
    )
    assert copies.kind == "near_duplicate"
    assert same_need == need


def test_advise__class_whose_pictures_are_all_copies_elsewhere__keeps_one(clean):
    several = clean.kept(range(6, 36))

    advice = several.added(several.features[0], "wolf").advice()

    assert ("near_duplicate", ("crow", "wolf")) in [(item.kind, item.classes) for item in advice]
    assert ("few_pictures", ("wolf",)) in [(item.kind, item.classes) for item in advice]


def test_advise__class_of_few_pictures__needs_more(clean):
    few = replace(clean.kept(range(31)), texts=None)

    (advice,) = few.advice()

    assert advice.kind == "few_pictures"
    assert (advice.classes, advice.pictures) == (("owl",), (30,))


def test_advise__class_without_a_picture__needs_its_first_one(clean):
    advice = clean.kept(range(30)).advice()

    assert advice[0].kind == "few_pictures"
    assert advice[0].sentence == "The class 'owl' has no picture yet: the first one helps most."


def test_advise__hard_class__is_told_how_many_pictures_are_recognised(make_pictures):
    hard = make_pictures(("crow", "raven", "fox", "owl"), n_shot=2, alike=("crow", "raven"))

    needs = of_kind(replace(hard, texts=None).advice(), "few_pictures")

    assert needs
    assert {label for item in needs for label in item.classes} <= {"crow", "raven"}
    assert "of its 2, each predicted from the others, none is correct" in needs[0].sentence


def test_advise__two_classes_of_the_same_kind__are_hard_to_tell_apart(make_pictures):
    pictures = make_pictures(("crow", "raven", "fox", "owl", "hare"), alike=("crow", "raven"))

    (advice,) = of_kind(pictures.advice(), "confused")

    assert advice.classes == ("crow", "raven")
    labels = [pictures.labels[picture] for picture in advice.pictures]
    assert labels == ["crow", "raven"] * 3
    assert len(set(advice.pictures)) == 6


def test_advise__pairs_of_pictures__are_the_most_similar_ones(make_pictures):
    pictures = make_pictures(("crow", "raven", "fox", "owl", "hare"), alike=("crow", "raven"))
    crows, ravens = (pictures.features[pictures.places(label)] for label in ("crow", "raven"))

    (advice,) = of_kind(pictures.advice(), "confused")

    cosines = crows @ ravens.T
    crow, raven = np.unravel_index(cosines.argmax(), cosines.shape)
    assert advice.pictures[:2] == (pictures.places("crow")[crow], pictures.places("raven")[raven])


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
    (advice,) = clean.advice(names={"fox": "class 3", "owl": "4", "deer": "roe deer"})

    assert (advice.kind, advice.classes) == ("name", ("fox", "owl"))


def test_advise__without_texts__still_tells_of_pictures(clean):
    wrong = replace(clean.labelled(_3="owl"), texts=None)

    (advice,) = wrong.advice()

    assert (advice.classes, advice.pictures) == (("owl", "bear"), (3,))


def test_advise__many_wrong_labels__tells_the_most_doubtful_five(make_pictures):
    labels = [f"kind of bird {number}" for number in range(12)]
    pictures = make_pictures(labels, n_shot=12)
    wrong = {f"_{12 * number}": labels[(number + 5) % 12] for number in range(12)}

    advice = of_kind(pictures.labelled(**wrong).advice(), "label")

    assert len(advice) == 5
    assert {f"_{item.pictures[0]}" for item in advice} <= set(wrong)


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


def test_advise__in_blocks__weighs_them_and_says_the_same_of_plain_faults(clean):
    rng = np.random.default_rng(2)
    noise = rng.standard_normal((len(clean.labels), 8)).astype(np.float32)
    features = np.concatenate([clean.features, 0.01 * noise], 1)
    texts = {label: np.append(text, np.zeros(8, np.float32)) for label, text in clean.texts.items()}
    wrong = replace(clean, features=features, texts=texts).labelled(_3="owl")

    (advice,) = wrong.advice(blocks=(24, 8))

    assert (advice.classes, advice.pictures) == (("owl", "bear"), (3,))


@pytest.mark.parametrize("labels", [[], ["fox"] * 3])
def test_advise__less_than_two_classes_or_no_picture__says_what_is_expected(labels):
    with pytest.raises(UsageError, match=f"1 to {MAX_PICTURES} pictures and at least two classes"):
        advise(np.ones((len(labels), 4)), labels, {"fox": np.ones(4)})


def test_max_pictures__are_those_that_the_generator_that_ships_answers_about():
    generator, _ = shared_generator("default")

    assert generator.config.closed_form.most_kernel_rows == MAX_PICTURES


def test_advise__too_many_pictures__says_how_many_are_taken():
    labels = ["fox", "owl"] * (MAX_PICTURES // 2 + 1)

    with pytest.raises(UsageError, match=f"got {len(labels)} pictures and 2 classes"):
        advise(np.ones((len(labels), 4)), labels)


def test_advise__classes_of_nothing_but_copies__tells_each(clean):
    twice = clean.kept([place for first in range(0, 36, 6) for place in (first, first)])

    advice = of_kind(twice.advice(), "near_duplicate")

    assert [item.pictures for item in advice] == [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)]


def test_advise__pictures_all_the_same__are_copies(clean):
    same = replace(clean.kept([0, 0, 0, 0]), labels=("fox", "fox", "owl", "owl"))

    (copies, *_) = replace(same, texts=None).advice()

    assert (copies.classes, copies.pictures) == (("fox", "owl"), (0, 1, 2, 3))


def test_advise__two_or_three_random_pictures__seldom_doubts_a_label():
    n_doubted = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        texts = {label: rng.standard_normal(16) for label in ("fox", "hare", "owl")}

        advice = advise(rng.standard_normal((3, 16)), ["fox", "owl", "owl"], texts)

        kinds = {item.kind for item in advice}
        assert kinds - {"label", "stranger"} == {"few_pictures"}
        n_doubted += kinds != {"few_pictures"}
    assert n_doubted <= 8
