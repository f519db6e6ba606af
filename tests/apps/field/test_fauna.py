from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaadapter.apps.field.detections import Detections
from metaadapter.apps.field.fauna import Fauna, all_taxa, name_of, places_of, synonyms
from metaadapter.apps.field.species_posterior import WRONG, Evidence, posterior
from metaadapter.apps.field.species_predictions import species_answer
from metaadapter.data.boxes.frame_detections import Detection, FrameDetections
from metaadapter.data.crop import Box
from metaadapter.workflow.prediction.predictions import Prediction

RED_FOX = "a;mammalia;carnivora;canidae;vulpes;vulpes;red fox"
GREY_FOX = "b;mammalia;carnivora;canidae;urocyon;cinereoargenteus;grey fox"
COYOTE = "c;mammalia;carnivora;canidae;canis;latrans;coyote"
WOLF = "d;mammalia;carnivora;canidae;canis;lupus;grey wolf"
CANIS = "e;mammalia;carnivora;canidae;canis;;canis species"
RACCOON = "f;mammalia;carnivora;procyonidae;procyon;lotor;northern raccoon"
WHITE_TAIL = "g;mammalia;cetartiodactyla;cervidae;odocoileus;virginianus;white-tailed deer"
MULE_DEER = "h;mammalia;cetartiodactyla;cervidae;odocoileus;hemionus;mule deer"
ROBIN = "i;aves;passeriformes;turdidae;turdus;migratorius;american robin"
BLANK, ANIMAL, VEHICLE = "j;;;;;;blank", "k;;;;;;animal", "l;;;;;;vehicle"
HUMAN = "m;mammalia;primates;hominidae;homo;sapiens;human"
NO_RESULT = "n;" + ";".join(["no cv result"] * 6)
ALL = (
    *(RED_FOX, GREY_FOX, COYOTE, WOLF, CANIS, RACCOON, WHITE_TAIL, MULE_DEER, ROBIN),
    *(BLANK, ANIMAL, VEHICLE, HUMAN, NO_RESULT),
)


def fauna_of(classes, labels=ALL, tree=None):
    box = Detection("animal", 0.9, Box(0, 0, 1, 1), dict.fromkeys(labels, 0.1))
    frames = {"1.jpg": FrameDetections("1.jpg", (box,))}
    return Fauna.of(Detections(Path("d.json"), "", {}, {"1": "animal"}, frames), classes, tree)


def spread(classes, scores):
    evidence = fauna_of(classes).evidence(scores)
    named = dict(zip(classes, evidence.scores_C.tolist(), strict=True))
    return {name: share for name, share in named.items() if share}, evidence.others, evidence.rest


@pytest.mark.parametrize(
    ("label", "taxa"),
    [
        ("red_fox", [RED_FOX]),
        ("Gray Wolf", [WOLF]),
        ("Vulpes vulpes", [RED_FOX]),
        ("canis", [COYOTE, WOLF, CANIS]),
        ("Canidae", [RED_FOX, GREY_FOX, COYOTE, WOLF, CANIS]),
        ("deer", [WHITE_TAIL, MULE_DEER]),
        ("bird", [ROBIN]),
        ("background", [BLANK]),
        ("vehicle", [VEHICLE]),
        ("person", [HUMAN]),
        ("hirsch", []),
    ],
)
def test_fauna__name_of_a_class__means_the_taxa_of_common_or_scientific_names(label, taxa):
    for taxon in ALL:
        named, _, _ = spread([label, "ostrich"], {taxon: 0.5})
        assert (named.get(label) == 0.5) == (taxon in taxa)


MEANT = {
    "wild hog": {"sus scrofa", "sus scrofa scrofa"},
    "coyote": {"canis latrans"},
    "prairie wolf": {"canis latrans"},
    "mountain_lion": {"puma concolor"},
    "Cougar": {"puma concolor"},
    "wild turkey": {"meleagris gallopavo"},
    "mule deer": {"odocoileus hemionus"},
    "whitetail": {"odocoileus virginianus"},
    "deer": {"cervidae"},
    "caribou": {"rangifer tarandus"},
    "raccoon": {"procyon"},
    "opossum": {"didelphidae"},
    "dog": {"canis familiaris"},
    "cat": {"felis catus"},
    "cow": {"bos taurus"},
    "horse": {"equus caballus"},
    "grey wolf": {"canis lupus"},
    "wolf": {"canis lupus"},
    "grizzly bear": {"ursus arctos", "ursus u. arctos"},
    "bear": {"ursidae"},
    "spotted hyena": {"crocuta crocuta"},
    "groundhog": {"marmota monax"},
    "dik-dik": {"madoqua"},
    "rabbit": {"oryctolagus", "sylvilagus"},
    "bird": {"aves"},
    "Birds": {"aves"},
    "coyotes": {"canis latrans"},
    "beaver": {"castor"},
    "snake": {"squamata"},
    "Vulpes vulpes": {"vulpes vulpes"},
}


@pytest.mark.parametrize("label", MEANT)
def test_fauna__name_of_the_whole_list__means_these_scientific_names(label):
    paths = fauna_of([label]).places[label]
    assert {" ".join(path[3:]) or path[-1] for path in paths} == MEANT[label]


def test_synonyms__all__mean_taxa_of_the_list():
    known = {part for path, _ in all_taxa() for part in (*path, " ".join(path[3:]))}
    assert {taxon for taxa in synonyms().values() for taxon in taxa} <= known


@pytest.mark.parametrize(
    ("label", "of_file"),
    [
        ("camel", "a;mammalia;artiodactyla;camelidae;camelus;dromedarius;dromedary camel"),
        ("camel", "a;mammalia;cetartiodactyla;camelidae;camelus;dromedarius;dromedary camel"),
        ("deer", "a;mammalia;artiodactyla;cervidae;;;cervidae family"),
        ("deer", WHITE_TAIL),
        ("canis", COYOTE),
    ],
)
def test_fauna__family_in_two_orders__is_meant_in_both(label, of_file):
    fauna = fauna_of([label, "ostrich"], [of_file])

    assert fauna.evidence({of_file: 0.5}).scores_C.tolist() == [0.5, 0]
    assert len({name_of(path) for path in fauna.places[label]}) == 1


def test_places_of__taxa_in_another_order__are_the_same():
    names = [*MEANT, "fox", "jay"]
    assert places_of(names, all_taxa()) == places_of(names, reversed(all_taxa()))


def test_fauna__of_one_camera__names_classes_that_its_file_does_not():
    classes = ["deer", "wild hog", "unicorn"]
    fauna = fauna_of(classes, [WHITE_TAIL, BLANK])

    evidence = fauna.evidence({WHITE_TAIL: 0.9})

    assert evidence.scores_C.tolist() == [0.9, 0, 0]
    assert evidence.is_named_C.tolist() == [True, True, False]
    (warning,) = fauna.warnings
    assert "'unicorn'" in warning
    assert "hog" not in warning
    assert not fauna.others


def test_fauna__class_that_only_a_tree_explains__means_the_names_below_it():
    tree = {"red fox": "small game", "raccoon": "small game", "small game": ""}
    fauna = fauna_of(["small game", "deer"], tree=tree)

    assert fauna.evidence({RED_FOX: 0.5, RACCOON: 0.2}).scores_C.tolist() == [0.7, 0]
    assert not fauna.warnings


def test_fauna__scores__go_to_the_lowest_class_evenly_below_a_label_and_else_to_the_rest():
    classes = ["canidae", "coyote", "wolf cub", "deer"]

    assert spread(classes, {COYOTE: 0.6, WOLF: 0.2}) == ({"coyote": 0.6, "canidae": 0.2}, {}, 0.0)
    assert spread(["coyote", "deer"], {CANIS: 0.6}) == ({"coyote": 0.3}, {}, 0.3)
    assert spread(["coyote", "deer"], {RACCOON: 0.6}) == ({}, {"northern raccoon": 0.6}, 0.0)
    evenly = {"coyote": pytest.approx(0.15), "deer": pytest.approx(0.15)}
    classes = ["coyote", "deer", "background", "vehicle"]
    assert spread(classes, {ANIMAL: 0.6, NO_RESULT: 0.3}) == (evenly, {}, pytest.approx(0.3))
    assert spread(["coyote", "deer"], {BLANK: 0.6}) == ({}, {}, 0.0)


shares = st.lists(st.floats(0.001, 1), min_size=3, max_size=3).map(
    lambda row: np.array(row) / sum(row)
)
knowns = st.none() | st.floats(0.01, 0.99)
masks = st.lists(st.booleans(), min_size=3, max_size=3).map(np.array)


@given(shares, knowns, masks, st.floats(0, 1 / 6))
def test_posterior__flat_scores__change_nothing(row, known, is_named, score):
    scores = np.where(is_named, score, 0.0)
    evidence = Evidence(scores, is_named, {"raccoon": float(scores.sum())})

    result = posterior(row, known, evidence)

    np.testing.assert_allclose(result.shares_C, row, atol=1e-12)
    assert result.known == (None if known is None else pytest.approx(known))


@given(shares, knowns, masks, st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_posterior__any_scores__are_probabilities_and_count_classes_without_a_name_as_the_rest(
    row, known, is_named, scores
):
    evidence = Evidence(np.array(scores[:3]) * is_named, is_named, {"raccoon": scores[3]})

    result = posterior(row, known, evidence)

    assert result.shares_C.sum() == pytest.approx(1)
    assert result.shares_C.min() >= 0
    if known is not None:
        assert 0 <= result.known <= 1
        assert sum(result.others.values()) <= 1 - result.known + 1e-9
        factor = (1 - result.known) / (1 - known)
        unnamed = known * row[~is_named] * factor
        np.testing.assert_allclose((result.known * result.shares_C)[~is_named], unnamed)


def test_posterior__by_hand__is_bayes_rule():
    row, known = np.array([0.7, 0.3]), 0.8
    evidence = Evidence(np.array([0.1, 0.6]), np.array([True, True]), {"raccoon": 0.2})

    result = posterior(row, known, evidence)

    q = [(1 - WRONG) * (s + 0.3 / 2) + WRONG / 2 for s in (0.1, 0.6)]
    shares = np.array([0.7 * q[0], 0.3 * q[1]])
    np.testing.assert_allclose(result.shares_C, shares / shares.sum())
    within, outside = ((1 - WRONG) * (s + 0.1 / 2) + WRONG / 2 for s in (0.7, 0.2))
    rest = 0.2 * outside / (0.8 * within + 0.2 * outside)
    assert result.known == pytest.approx(1 - rest)
    assert result.others["raccoon"] == pytest.approx(rest * (1 - WRONG) * 0.2 / outside)


@pytest.mark.parametrize("known", [None, 0.9])
def test_posterior__score_of_a_named_class__is_against_a_class_without_a_name(known):
    """A file lists the best labels alone, so it may not name every class."""
    evidence = Evidence(np.array([0.97, 0.0]), np.array([True, False]), {})

    result = posterior(np.array([0.4, 0.6]), known, evidence)

    within, outside = ((1 - WRONG) * (s + 0.03 / 2) + WRONG / 2 for s in (0.97, 0))
    coyote, rest = 0.4 * (known or 1) * within, (1 - 0.4 * (known or 1)) * outside
    assert ((known and result.known) or 1) * result.shares_C[0] == pytest.approx(
        coyote / (coyote + rest)
    )


def predicted(known=0.9, **shares):
    first, second = sorted(shares, key=shares.__getitem__)[:-3:-1]
    return Prediction(
        "a.jpg", first, shares[first], second, shares[second], False, shares, known=known
    )


@pytest.mark.parametrize(
    ("shares", "others", "label", "source"),
    [
        ({"coyote": 0.9, "deer": 0.1}, {"grey wolf": 0.05}, "coyote", None),
        ({"coyote": 0.5, "deer": 0.5}, {"northern raccoon": 0.7}, "northern raccoon", "SpeciesNet"),
        ({"coyote": 0.5, "deer": 0.4}, {"american robin": 0.3}, "coyote", None),
    ],
)
def test_answer__is_the_likelier_of_classes_and_other_species(shares, others, label, source):
    prediction = predicted(**shares)

    answer = species_answer(prediction, others)

    assert (answer.label, answer.source) == (label, source)
    assert answer.probabilities == prediction.probabilities
