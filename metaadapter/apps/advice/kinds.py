"""The kinds of advice: sentences made from the evidence of left-out pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import numpy as np
from jaxtyping import Float, Int

from metaadapter.apps.advice.evidence import Evidence
from metaadapter.apps.advice.findings import (
    confusions,
    disagreeing_names,
    doubtful_labels,
    needy_classes,
)
from metaadapter.workflow.class_texts import says_nothing

Kind = Literal["label", "near_duplicate", "name", "confused", "few_pictures"]
Picture = TypeVar("Picture")

# The most pieces of a kind: more than can be followed at a time is noise.
MOST_CHECKED, MOST_WORKED_ON = 5, 3
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


def on_copies(
    numbers: Int[np.ndarray, " m"],
    groups: Sequence[list[int]],
    classes: Sequence[str],
    number_of: Sequence[int],
) -> list[Advice[int]]:
    """Advise on near copies; copies in several classes come first, because a label is wrong."""
    advice = []
    for group in sorted(groups, key=lambda group: (-len({*numbers[group]}), -len(group))):
        labels = tuple(classes[number] for number in sorted({*numbers[group].tolist()}))
        pictures = tuple(number_of[place] for place in group)
        sentence = _near_duplicates(labels, len(group))
        advice.append(Advice("near_duplicate", sentence, labels, pictures))
    return advice[:MOST_CHECKED]


@dataclass(frozen=True, slots=True, eq=False)
class Adviser:
    """Turns evidence, with its class labels and picture numbers, into advice."""

    evidence: Evidence
    classes: Sequence[str]
    number_of: Sequence[int]
    counted: Callable[[], Float[np.ndarray, "m N"]]
    """Returns the log-probabilities by which sentences count right and wrong pictures: those of
    `Generator.left_out` when the support includes the copies of these pictures."""

    def on_labels(self) -> list[Advice[int]]:
        """Advise on labels that look wrong."""
        advice = []
        for place, better in doubtful_labels(self.evidence)[:MOST_CHECKED]:
            both = self.classes[int(self.evidence.numbers[place])], self.classes[better]
            advice.append(self._piece("label", _wrong_label(*both), both, [place]))
        return advice

    def on_names(self, names: Mapping[str, str]) -> list[Advice[int]]:
        """Advise on names that say nothing, or fit the pictures of another class better."""
        empty = tuple(
            label for label in self.classes if label in names and says_nothing(names[label])
        )
        advice = []
        if empty:
            advice.append(self._on_name(_empty_names(empty), empty, empty))
        nearer = {
            self.classes[number]: self.classes[other]
            for number, other in disagreeing_names(self.evidence)
            if self.classes[number] not in empty
        }
        for label, other in nearer.items():
            both = label, other
            if nearer.get(other) != label:
                sentence = _doubtful_name(label, names[label], other)
                advice.append(self._on_name(sentence, both, [label]))
            elif label < other:  # one piece of advice for the two
                advice.append(self._on_name(_swapped_names(both), both, both))
        return advice[:MOST_WORKED_ON]

    def on_needs(self) -> list[Advice[int]]:
        """Advise on classes that gain most from another picture."""
        advice = []
        for number in needy_classes(self.evidence)[:MOST_WORKED_ON]:
            places, label = np.flatnonzero(self.evidence.numbers == number), self.classes[number]
            n_right = 0
            if len(places) > 1:
                n_right = int((self.counted()[places].argmax(-1) == number).sum())
            sentence = _few_pictures(label, len(places), n_right)
            advice.append(self._piece("few_pictures", sentence, (label,), places.tolist()))
        return advice

    def on_confusions(self) -> list[Advice[int]]:
        """Advise on pairs of classes that are confused with one another."""
        advice = []
        for confusion in confusions(self.evidence, self.counted)[:MOST_WORKED_ON]:
            both = self.classes[confusion.classes[0]], self.classes[confusion.classes[1]]
            sentence = _confused_classes(both, confusion.n_pictures, confusion.n_wrong)
            places = [place for pair in confusion.alike for place in pair]
            advice.append(self._piece("confused", sentence, both, places))
        return advice

    def _on_name(
        self, sentence: str, labels: tuple[str, ...], doubtful: Sequence[str]
    ) -> Advice[int]:
        typical: list[int] = []
        for label in doubtful:
            number = self.classes.index(label)
            places = np.flatnonzero(self.evidence.numbers == number)
            order = np.argsort(-self.evidence.log_p[places, number], kind="stable")
            typical += places[order[:MOST_TYPICAL]].tolist()
        return self._piece("name", sentence, labels, typical)

    def _piece(
        self, kind: Kind, sentence: str, labels: tuple[str, ...], places: Sequence[int]
    ) -> Advice[int]:
        return Advice(kind, sentence, labels, tuple(self.number_of[place] for place in places))


def _wrong_label(label: str, better: str) -> str:
    return (
        f"A picture labelled {label!r} looks more like {better!r}: correct its label, or remove it "
        "if it shows neither well."
    )


def _near_duplicates(labels: Sequence[str], n_pictures: int) -> str:
    if len(labels) > 1:
        return (
            f"Nearly the same picture is in {_and(labels)}: keep it only in the class that it "
            "shows."
        )
    return (
        f"Among the pictures of {labels[0]!r}, {n_pictures} are nearly the same and add nothing "
        "new: keep one, and replace the others with different ones."
    )


def _doubtful_name(label: str, name: str, nearer: str) -> str:
    subject = f"The name of {label!r}" if name == label else f"The name {name!r} of {label!r}"
    return (
        f"{subject} does not fit its pictures, and fits those of {nearer!r} better: name what the "
        "pictures show, or describe it in a sentence."
    )


def _swapped_names(labels: Sequence[str]) -> str:
    return (
        f"The names of {_and(labels)} fit the pictures of each other better than their own: check "
        "whether they were swapped."
    )


def _empty_names(labels: Sequence[str]) -> str:
    is_one = len(labels) == 1
    return (
        f"The name{'' if is_one else 's'} of {_and(labels)} {'says' if is_one else 'say'} nothing "
        "to the encoder: give a name that says what the pictures show."
    )


def _few_pictures(label: str, n_pictures: int, n_right: int) -> str:
    if n_pictures == 0:
        return f"The class {label!r} has no picture yet: the first one helps most."
    if n_pictures == 1:
        return f"The class {label!r} has a single picture: add more, as different as possible."
    right = f"{n_right or 'none'} {'is' if n_right < 2 else 'are'} correct"
    return (
        f"The class {label!r} needs pictures: of its {n_pictures}, each predicted from the others, "
        f"{right}; add pictures that differ from these."
    )


def _confused_classes(labels: Sequence[str], n_pictures: int, n_wrong: int) -> str:
    look = "looks" if n_wrong == 1 else "look"
    return (
        f"The classes {_and(labels)} are hard to tell apart: of their {n_pictures} pictures, each "
        f"predicted from the others, {n_wrong or 'none'} {look} more like the other class; add "
        "pictures that show the difference, or merge the two classes."
    )


def _and(labels: Sequence[str], most: int = 3) -> str:
    names = [repr(label) for label in labels[:most]]
    if len(labels) > most:
        return f"{', '.join(names)} and {len(labels) - most} more"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
