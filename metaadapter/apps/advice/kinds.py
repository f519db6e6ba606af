"""The kinds of advice: sentences made from the evidence of left-out pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float, Int

from metaadapter.apps.advice.evidence import Evidence
from metaadapter.apps.advice.findings import (
    confusions,
    disagreeing_names,
    doubtful_labels,
    needy_classes,
    strangers,
)
from metaadapter.workflow.class_texts import says_nothing
from metaadapter.workflow.predictions import NONE_OF_THESE

Kind = Literal["stranger", "label", "near_duplicate", "name", "confused", "few_pictures", "alike"]
Form = Literal[
    "alike",
    "confused",
    "few_pictures",
    "few_pictures_none",
    "few_pictures_one",
    "label",
    "name",
    "name_empty",
    "name_swapped",
    "near_duplicate",
    "near_duplicate_across",
    "stranger",
]
"""The sentences of the kinds. The page has words for each in every language."""
Picture = TypeVar("Picture")

# The most pieces of a kind: more than can be followed at a time is noise.
MOST: Mapping[Kind, int] = {
    "stranger": 5,
    "label": 5,
    "near_duplicate": 5,
    "few_pictures": 3,
    "confused": 3,
    "name": 3,
    "alike": 1,
}
MOST_TYPICAL = 3


@dataclass(frozen=True)
class Advice(Generic[Picture]):
    """A fault in the labelled pictures, or a lack of pictures, and the remedy."""

    kind: Kind
    sentence: str
    """The finding and the remedy."""
    classes: tuple[str, ...]
    """The classes concerned. For `label`: the given class and the better class. For `name`: the
    class with the doubtful name and the class whose pictures fit the name better; or two classes
    with swapped names; or all classes whose names say nothing."""
    pictures: tuple[Picture, ...]
    """The pictures concerned: indices into the arguments of `advise`, or ids. For `confused` they
    form pairs with one picture of each class: the first and the second, the third and the fourth,
    …"""
    form: Form
    """The form of the sentence."""
    values: Mapping[str, str | int | tuple[str, ...]]
    """The names and numbers in the sentence, for pages that say it in another language."""


class Wording(NamedTuple):
    """The sentence of a piece of advice."""

    sentence: str
    form: Form
    values: Mapping[str, str | int | tuple[str, ...]]

    def advice(
        self, kind: Kind, classes: tuple[str, ...], pictures: tuple[Picture, ...]
    ) -> Advice[Picture]:
        """Make the advice that has this sentence."""
        return Advice(kind, self.sentence, classes, pictures, self.form, self.values)


def on_copies(
    numbers: Int[np.ndarray, " m"],
    groups: Sequence[list[int]],
    classes: Sequence[str],
    number_of: Sequence[int],
) -> Iterator[Advice[int]]:
    """Advise on near copies; copies in several classes come first, because a label is wrong."""
    for group in sorted(groups, key=lambda group: (-len({*numbers[group]}), -len(group))):
        labels = tuple(classes[number] for number in sorted({*numbers[group].tolist()}))
        pictures = tuple(number_of[place] for place in group)
        if labels != (NONE_OF_THESE,):
            wording = _near_duplicates(labels, len(group))
            yield wording.advice("near_duplicate", labels, pictures)


@dataclass(frozen=True, slots=True, eq=False)
class Adviser:
    """Turns evidence, with its class labels and picture numbers, into advice.

    The pictures of `NONE_OF_THESE` are no class to advise on.
    """

    evidence: Evidence
    classes: Sequence[str]
    number_of: Sequence[int]
    counted: Callable[[], Float[np.ndarray, "m N"]]
    """Returns the log-probabilities by which sentences count right and wrong pictures: those of
    `Generator.left_out` when the support includes the copies of these pictures."""

    def on_labels(self) -> Iterator[Advice[int]]:
        """Advise on pictures that look like no class, then on other labels that look wrong."""
        pairs = {place: self.classes[better] for place, better in doubtful_labels(self.evidence)}
        of_none = [place for place, better in pairs.items() if better == NONE_OF_THESE]
        odd = dict.fromkeys([*strangers(self.evidence), *of_none])
        for place in odd:
            label = self._label(place)
            if label != NONE_OF_THESE:
                yield self._piece("stranger", _stranger(label), (label,), [place])
        for place, better in pairs.items():
            both = self._label(place), better
            if place not in odd and both[0] != NONE_OF_THESE:
                yield self._piece("label", _wrong_label(*both), both, [place])

    def _label(self, place: int) -> str:
        return self.classes[int(self.evidence.numbers[place])]

    def on_names(self, names: Mapping[str, str]) -> Iterator[Advice[int]]:
        """Advise on names that say nothing, or fit the pictures of another class better."""
        empty = tuple(
            label for label in self.classes if label in names and says_nothing(names[label])
        )
        if empty:
            yield self._on_name(_empty_names(empty), empty, empty)
        nearer = {
            self.classes[number]: self.classes[other]
            for number, other in disagreeing_names(self.evidence)
            if self.classes[number] not in empty
        }
        for label, other in nearer.items():
            both = label, other
            if nearer.get(other) != label:
                wording = _doubtful_name(label, names[label], other)
                yield self._on_name(wording, both, [label])
            elif label < other:  # one piece of advice for the two
                yield self._on_name(_swapped_names(both), both, both)

    def on_needs(self) -> Iterator[Advice[int]]:
        """Advise on classes that gain most from another picture."""
        for number in needy_classes(self.evidence):
            if self.classes[number] == NONE_OF_THESE:
                continue
            places, label = np.flatnonzero(self.evidence.numbers == number), self.classes[number]
            n_right = 0
            if len(places) > 1:
                n_right = int((self.counted()[places].argmax(-1) == number).sum())
            wording = _few_pictures(label, len(places), n_right)
            yield self._piece("few_pictures", wording, (label,), places.tolist())

    def on_confusions(self) -> Iterator[Advice[int]]:
        """Advise on pairs of classes that are confused with one another."""
        for confusion in confusions(self.evidence, self.counted):
            both = self.classes[confusion.classes[0]], self.classes[confusion.classes[1]]
            if NONE_OF_THESE in both:
                continue
            wording = _confused_classes(both, confusion.n_pictures, confusion.n_wrong)
            places = [place for pair in confusion.alike for place in pair]
            yield self._piece("confused", wording, both, places)

    def _on_name(
        self, wording: Wording, labels: tuple[str, ...], doubtful: Sequence[str]
    ) -> Advice[int]:
        typical: list[int] = []
        for label in doubtful:
            number = self.classes.index(label)
            places = np.flatnonzero(self.evidence.numbers == number)
            order = np.argsort(-self.evidence.log_p[places, number], kind="stable")
            typical += places[order[:MOST_TYPICAL]].tolist()
        return self._piece("name", wording, labels, typical)

    def _piece(
        self, kind: Kind, wording: Wording, labels: tuple[str, ...], places: Sequence[int]
    ) -> Advice[int]:
        pictures = tuple(self.number_of[place] for place in places)
        return wording.advice(kind, labels, pictures)


def on_look_alikes(pictures: tuple[Picture, ...]) -> Advice[Picture]:
    """Advise on pictures without a label that look alike, and like none of the classes."""
    sentence = (
        f"{len(pictures)} pictures look alike and like none of your classes: confirm this, or make "
        "a class of them."
    )
    return Wording(sentence, "alike", {"n": len(pictures)}).advice("alike", (), pictures)


def _stranger(label: str) -> Wording:
    sentence = (
        f"A picture labelled {label!r} looks like none of the classes: remove it from {label!r}, "
        "unless it shows one."
    )
    return Wording(sentence, "stranger", {"name": label})


def _wrong_label(label: str, better: str) -> Wording:
    sentence = (
        f"A picture labelled {label!r} looks more like {better!r}: correct its label, or remove it "
        "if it shows neither well."
    )
    return Wording(sentence, "label", {"name": label, "better": better})


def _near_duplicates(labels: tuple[str, ...], n_pictures: int) -> Wording:
    if len(labels) > 1:
        sentence = (
            f"Nearly the same picture is in {_and(labels)}: keep it only in the class that it "
            "shows."
        )
        return Wording(sentence, "near_duplicate_across", {"names": labels})
    sentence = (
        f"Among the pictures of {labels[0]!r}, {n_pictures} are nearly the same and add nothing "
        "new: keep one, and replace the others with different ones."
    )
    return Wording(sentence, "near_duplicate", {"name": labels[0], "n": n_pictures})


def _doubtful_name(label: str, name: str, nearer: str) -> Wording:
    subject = f"The name of {label!r}" if name == label else f"The name {name!r} of {label!r}"
    sentence = (
        f"{subject} does not fit its pictures, and fits those of {nearer!r} better: name what the "
        "pictures show, or describe it in a sentence."
    )
    return Wording(sentence, "name", {"name": name, "better": nearer})


def _swapped_names(labels: tuple[str, ...]) -> Wording:
    sentence = (
        f"The names of {_and(labels)} fit the pictures of each other better than their own: check "
        "whether they were swapped."
    )
    return Wording(sentence, "name_swapped", {"names": labels})


def _empty_names(labels: tuple[str, ...]) -> Wording:
    is_one = len(labels) == 1
    sentence = (
        f"The name{'' if is_one else 's'} of {_and(labels)} {'says' if is_one else 'say'} nothing "
        "to the encoder: give a name that says what the pictures show."
    )
    return Wording(sentence, "name_empty", {"names": labels, "n": len(labels)})


def _few_pictures(label: str, n_pictures: int, n_right: int) -> Wording:
    if n_pictures == 0:
        sentence = f"The class {label!r} has no picture yet: the first one helps most."
        return Wording(sentence, "few_pictures_none", {"name": label})
    if n_pictures == 1:
        sentence = f"The class {label!r} has a single picture: add more, as different as possible."
        return Wording(sentence, "few_pictures_one", {"name": label})
    right = f"{n_right or 'none'} {'is' if n_right < 2 else 'are'} correct"
    sentence = (
        f"The class {label!r} needs pictures: of its {n_pictures}, each predicted from the others, "
        f"{right}; add pictures that differ from these."
    )
    return Wording(sentence, "few_pictures", {"name": label, "of": n_pictures, "n": n_right})


def _confused_classes(labels: tuple[str, str], n_pictures: int, n_wrong: int) -> Wording:
    look = "looks" if n_wrong == 1 else "look"
    sentence = (
        f"The classes {_and(labels)} are hard to tell apart: of their {n_pictures} pictures, each "
        f"predicted from the others, {n_wrong or 'none'} {look} more like the other class; add "
        "pictures that show the difference, or merge the two classes."
    )
    return Wording(sentence, "confused", {"names": labels, "of": n_pictures, "n": n_wrong})


def _and(labels: Sequence[str], most: int = 3) -> str:
    names = [repr(label) for label in labels[:most]]
    if len(labels) > most:
        return f"{', '.join(names)} and {len(labels) - most} more"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
