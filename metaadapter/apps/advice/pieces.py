"""Pieces of advice from what was found.

`classes` are the labels in the order of the evidence, and `number_of` is the number that the caller
has for each of its pictures. What sentences count are the log-probabilities of `counted`: those
that `Generator.left_out` has for these pictures when copies of them are there too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int

from metaadapter.apps.advice import words
from metaadapter.apps.advice.advice import Advice
from metaadapter.apps.advice.confusions import confusions
from metaadapter.apps.advice.labels import doubtful_labels
from metaadapter.apps.advice.left_out import Evidence
from metaadapter.apps.advice.names import disagreeing_names
from metaadapter.apps.advice.needs import needy_classes
from metaadapter.workflow.classes import says_nothing

# Of a kind; more than can be followed at a time is noise.
MOST_LOOKED_AT, MOST_WORKED_ON = 5, 3
MOST_TYPICAL = 3


def on_labels(found: Evidence, classes: Sequence[str], number_of: Sequence[int]) -> list[Advice]:
    """Labels that look wrong."""
    advice = []
    for place, better in doubtful_labels(found)[:MOST_LOOKED_AT]:
        both = classes[int(found.numbers[place])], classes[better]
        advice.append(Advice("label", words.of_label(*both), both, (number_of[place],)))
    return advice


def on_copies(
    numbers: Int[np.ndarray, " m"],
    groups: Sequence[list[int]],
    classes: Sequence[str],
    number_of: Sequence[int],
) -> list[Advice]:
    """Pictures that are nearly the same, the groups in several classes first: a label is wrong."""
    advice = []
    for group in sorted(groups, key=lambda group: (-len({*numbers[group]}), -len(group))):
        labels = tuple(classes[number] for number in sorted({*numbers[group].tolist()}))
        pictures = tuple(number_of[place] for place in group)
        sentence = words.of_copies(labels, len(group))
        advice.append(Advice("near_duplicate", sentence, labels, pictures))
    return advice[:MOST_LOOKED_AT]


def on_names(
    found: Evidence,
    classes: Sequence[str],
    number_of: Sequence[int],
    named: Mapping[str, str],
) -> list[Advice]:
    """Names that say nothing, or fit the pictures of another class better."""

    def piece(sentence: str, labels: tuple[str, ...], doubted: Sequence[str]) -> Advice:
        places = [_typical(found, classes.index(label)) for label in doubted]
        pictures = tuple(number_of[place] for those in places for place in those)
        return Advice("name", sentence, labels, pictures)

    empty = tuple(label for label in classes if label in named and says_nothing(named[label]))
    advice = [piece(words.of_empty_names(empty), empty, empty)] if empty else []
    nearer = {
        classes[number]: classes[other]
        for number, other in disagreeing_names(found)
        if classes[number] not in empty
    }
    for label, other in nearer.items():
        both = label, other
        if nearer.get(other) != label:
            advice.append(piece(words.of_name(label, named[label], other), both, both[:1]))
        elif label < other:  # each is the other's: told once
            advice.append(piece(words.of_swapped_names(both), both, both))
    return advice[:MOST_WORKED_ON]


def _typical(found: Evidence, number: int) -> list[int]:
    """The pictures of a class that are surest of it."""
    places = np.flatnonzero(found.numbers == number)
    order = np.argsort(-found.log_p[places, number], kind="stable")
    return [int(place) for place in places[order[:MOST_TYPICAL]]]


def on_needs(
    found: Evidence,
    counted: Callable[[], Float[np.ndarray, "m N"]],
    classes: Sequence[str],
    number_of: Sequence[int],
) -> list[Advice]:
    """Classes whose next picture wins most."""
    advice = []
    for number in needy_classes(found)[:MOST_WORKED_ON]:
        places = np.flatnonzero(found.numbers == number)
        n_right = int((counted()[places].argmax(-1) == number).sum()) if len(places) > 1 else 0
        sentence = words.of_need(classes[number], len(places), n_right)
        pictures = tuple(number_of[place] for place in places.tolist())
        advice.append(Advice("few_pictures", sentence, (classes[number],), pictures))
    return advice


def on_confusions(
    found: Evidence,
    counted: Callable[[], Float[np.ndarray, "m N"]],
    classes: Sequence[str],
    number_of: Sequence[int],
) -> list[Advice]:
    """Pairs of classes that are taken for one another."""
    advice = []
    for confusion in confusions(found, counted)[:MOST_WORKED_ON]:
        both = classes[confusion.classes[0]], classes[confusion.classes[1]]
        pictures = tuple(number_of[place] for pair in confusion.alike for place in pair)
        sentence = words.of_confusion(both, confusion.n_pictures, confusion.n_wrong)
        advice.append(Advice("confused", sentence, both, pictures))
    return advice
