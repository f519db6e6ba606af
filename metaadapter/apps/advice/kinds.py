"""The kinds of advice, each from the evidence of left-out pictures.

`classes` are the labels in the order of the evidence, and `number_of` is the number that the caller
has for each of its pictures. Sentences count pictures by the log-probabilities of `counted`: those
of `Generator.left_out` for these pictures when their copies are part of the support.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int

from metaadapter.apps.advice import sentences
from metaadapter.apps.advice.advice import Advice
from metaadapter.apps.advice.confusions import confusions
from metaadapter.apps.advice.labels import doubtful_labels
from metaadapter.apps.advice.left_out import Evidence
from metaadapter.apps.advice.names import disagreeing_names
from metaadapter.apps.advice.needs import needy_classes
from metaadapter.workflow.classes import says_nothing

# The most of a kind: more than can be followed at a time is noise.
MOST_CHECKED, MOST_WORKED_ON = 5, 3
MOST_TYPICAL = 3


def on_labels(
    evidence: Evidence, classes: Sequence[str], number_of: Sequence[int]
) -> list[Advice[int]]:
    """Labels that look wrong."""
    advice = []
    for place, better in doubtful_labels(evidence)[:MOST_CHECKED]:
        both = classes[int(evidence.numbers[place])], classes[better]
        advice.append(Advice("label", sentences.wrong_label(*both), both, (number_of[place],)))
    return advice


def on_copies(
    numbers: Int[np.ndarray, " m"],
    groups: Sequence[list[int]],
    classes: Sequence[str],
    number_of: Sequence[int],
) -> list[Advice[int]]:
    """Groups of near copies; those in several classes first, because a label is wrong."""
    advice = []
    for group in sorted(groups, key=lambda group: (-len({*numbers[group]}), -len(group))):
        labels = tuple(classes[number] for number in sorted({*numbers[group].tolist()}))
        pictures = tuple(number_of[place] for place in group)
        sentence = sentences.near_duplicates(labels, len(group))
        advice.append(Advice("near_duplicate", sentence, labels, pictures))
    return advice[:MOST_CHECKED]


def on_names(
    evidence: Evidence,
    classes: Sequence[str],
    number_of: Sequence[int],
    names: Mapping[str, str],
) -> list[Advice[int]]:
    """Names that say nothing, or fit the pictures of another class better."""

    def piece(sentence: str, labels: tuple[str, ...], doubtful: Sequence[str]) -> Advice[int]:
        places = [place for label in doubtful for place in _typical(evidence, classes.index(label))]
        return Advice("name", sentence, labels, tuple(number_of[place] for place in places))

    empty = tuple(label for label in classes if label in names and says_nothing(names[label]))
    advice = [piece(sentences.empty_names(empty), empty, empty)] if empty else []
    nearer = {
        classes[number]: classes[other]
        for number, other in disagreeing_names(evidence)
        if classes[number] not in empty
    }
    for label, other in nearer.items():
        both = label, other
        if nearer.get(other) != label:
            sentence = sentences.doubtful_name(label, names[label], other)
            advice.append(piece(sentence, both, both[:1]))
        elif label < other:  # one piece of advice for the two
            advice.append(piece(sentences.swapped_names(both), both, both))
    return advice[:MOST_WORKED_ON]


def _typical(evidence: Evidence, number: int) -> list[int]:
    """The pictures of a class for which the class is most probable."""
    places = np.flatnonzero(evidence.numbers == number)
    order = np.argsort(-evidence.log_p[places, number], kind="stable")
    return [int(place) for place in places[order[:MOST_TYPICAL]]]


def on_needs(
    evidence: Evidence,
    counted: Callable[[], Float[np.ndarray, "m N"]],
    classes: Sequence[str],
    number_of: Sequence[int],
) -> list[Advice[int]]:
    """Classes that gain most from another picture."""
    advice = []
    for number in needy_classes(evidence)[:MOST_WORKED_ON]:
        places = np.flatnonzero(evidence.numbers == number)
        n_right = int((counted()[places].argmax(-1) == number).sum()) if len(places) > 1 else 0
        sentence = sentences.few_pictures(classes[number], len(places), n_right)
        pictures = tuple(number_of[place] for place in places.tolist())
        advice.append(Advice("few_pictures", sentence, (classes[number],), pictures))
    return advice


def on_confusions(
    evidence: Evidence,
    counted: Callable[[], Float[np.ndarray, "m N"]],
    classes: Sequence[str],
    number_of: Sequence[int],
) -> list[Advice[int]]:
    """Pairs of classes that are confused with one another."""
    advice = []
    for confusion in confusions(evidence, counted)[:MOST_WORKED_ON]:
        both = classes[confusion.classes[0]], classes[confusion.classes[1]]
        pictures = tuple(number_of[place] for pair in confusion.alike for place in pair)
        sentence = sentences.confused_classes(both, confusion.n_pictures, confusion.n_wrong)
        advice.append(Advice("confused", sentence, both, pictures))
    return advice
