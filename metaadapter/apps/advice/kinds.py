"""The kinds of advice: sentences made from the evidence of left-out pictures."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

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
from metaadapter.workflow.prediction.predictions import NONE_OF_THESE

Kind = Literal["stranger", "label", "near_duplicate", "name", "confused", "few_pictures"]
Form = Literal[
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
SENTENCES: Mapping[Form, str] = {
    "confused": "The classes {names} are hard to tell apart: {count} of their {of} pictures would "
    "be taken for the other class; add pictures that show the difference, or merge the classes.",
    "few_pictures": "{count} of the {of} pictures of {name!r} would be recognised from the others: "
    "add pictures of {name!r} that look different.",
    "few_pictures_none": "The class {name!r} has no picture yet: the first one helps most.",
    "few_pictures_one": "The class {name!r} has a single picture: add some that look different.",
    "label": "A picture labelled {name!r} looks like {better!r}: correct its label, or remove it "
    "if it shows neither well.",
    "name": "The name of {name!r} does not fit its pictures, and fits those of {better!r} better: "
    "name what the pictures show, or describe it in a sentence.",
    "name_empty": "Anything could be called {names}: name what the pictures show.",
    "name_swapped": "The names of {names} fit the pictures of each other better than their own: "
    "check whether they were swapped.",
    "near_duplicate": "{n} pictures of {name!r} look nearly the same: keep one, and replace the "
    "others with different ones.",
    "near_duplicate_across": "Nearly the same picture is in {names}: keep it only in the class "
    "that it shows.",
    "stranger": "A picture labelled {name!r} looks like none of the classes: remove it from "
    "{name!r}, unless it shows one.",
}
Picture = TypeVar("Picture")

# The most pieces of a kind about classes: more than can be followed at a time is noise.
MOST: Mapping[Kind, int] = {
    "near_duplicate": 5,
    "few_pictures": 3,
    "confused": 3,
    "name": 3,
}
MOST_TYPICAL, MOST_NAMED = 3, 3


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


def piece_of_advice(
    kind: Kind,
    form: Form,
    classes: tuple[str, ...],
    pictures: Sequence[Picture],
    values: Mapping[str, str | int | tuple[str, ...]],
    **words: str,
) -> Advice[Picture]:
    """Make a piece of advice; `words` are parts of the sentence that only English needs."""
    texts = {key: _and(one) if isinstance(one, tuple) else one for key, one in values.items()}
    sentence = SENTENCES[form].format(**texts, **words)
    return Advice(kind, sentence, classes, tuple(pictures), form, values)


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
            form: Form = "near_duplicate" if len(labels) == 1 else "near_duplicate_across"
            values = {"name": labels[0], "n": len(group)} if len(labels) == 1 else {"names": labels}
            yield piece_of_advice("near_duplicate", form, labels, pictures, values)


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
    `Generator.left_out` when the support includes the copies of these pictures, as on the page."""

    def on_labels(self) -> Iterator[Advice[int]]:
        """Advise on pictures that look like no class, then on other labels that look wrong."""
        pairs = {place: self.classes[better] for place, better in doubtful_labels(self.evidence)}
        of_none = [place for place, better in pairs.items() if better == NONE_OF_THESE]
        odd = dict.fromkeys([*strangers(self.evidence), *of_none])
        for place in odd:
            label = self._label(place)
            if label != NONE_OF_THESE:
                yield self._piece("stranger", "stranger", (label,), [place], {"name": label})
        for place, better in pairs.items():
            both = self._label(place), better
            if place not in odd and both[0] != NONE_OF_THESE:
                values = {"name": both[0], "better": both[1]}
                yield self._piece("label", "label", both, [place], values)

    def _label(self, place: int) -> str:
        return self.classes[int(self.evidence.numbers[place])]

    def on_names(self, named: Collection[str]) -> Iterator[Advice[int]]:
        """Advise on names that say nothing, or fit the pictures of another class better."""
        empty = tuple(label for label in self.classes if label in named and says_nothing(label))
        if empty:
            yield self._on_name("name_empty", empty, empty, {"names": empty})
        nearer = {
            self.classes[number]: self.classes[other]
            for number, other in disagreeing_names(self.evidence)
            if self.classes[number] not in empty
        }
        for label, other in nearer.items():
            both = label, other
            if nearer.get(other) != label:
                values = {"name": label, "better": other}
                yield self._on_name("name", both, [label], values)
            elif label < other:  # one piece of advice for the two
                yield self._on_name("name_swapped", both, both, {"names": both})

    def on_needs(self) -> Iterator[Advice[int]]:
        """Advise on classes that gain most from another picture."""
        for number in needy_classes(self.evidence):
            if self.classes[number] == NONE_OF_THESE:
                continue
            places, label = np.flatnonzero(self.evidence.numbers == number), self.classes[number]
            if len(places) < 2:
                form: Form = "few_pictures_one" if len(places) else "few_pictures_none"
                yield self._piece("few_pictures", form, (label,), places, {"name": label})
                continue
            n = int((self.counted()[places].argmax(-1) == number).sum())
            values = {"name": label, "of": len(places), "n": n}
            count = str(n or "None")
            yield self._piece("few_pictures", "few_pictures", (label,), places, values, count=count)

    def on_confusions(self) -> Iterator[Advice[int]]:
        """Advise on pairs of classes that are confused with one another."""
        for confusion in confusions(self.evidence, self.counted):
            both = self.classes[confusion.classes[0]], self.classes[confusion.classes[1]]
            if NONE_OF_THESE in both:
                continue
            n = confusion.n_wrong
            count = str(n or "none")
            values = {"names": both, "of": confusion.n_pictures, "n": n}
            places = [place for pair in confusion.alike for place in pair]
            yield self._piece("confused", "confused", both, places, values, count=count)

    def _on_name(
        self,
        form: Form,
        labels: tuple[str, ...],
        doubtful: Sequence[str],
        values: Mapping[str, Any],
    ) -> Advice[int]:
        typical: list[int] = []
        for label in doubtful:
            number = self.classes.index(label)
            places = np.flatnonzero(self.evidence.numbers == number)
            order = np.argsort(-self.evidence.log_p[places, number], kind="stable")
            typical += places[order[:MOST_TYPICAL]].tolist()
        return self._piece("name", form, labels, typical, values)

    def _piece(
        self,
        kind: Kind,
        form: Form,
        labels: tuple[str, ...],
        places: Iterable[int],
        values: Mapping[str, Any],
        **words: str,
    ) -> Advice[int]:
        pictures = [self.number_of[place] for place in places]
        return piece_of_advice(kind, form, labels, pictures, values, **words)


def _and(labels: Sequence[str]) -> str:
    names = [repr(label) for label in labels[:MOST_NAMED]]
    if len(labels) > MOST_NAMED:
        return f"{', '.join(names)} and {len(labels) - MOST_NAMED} more"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
