"""The species that occur at a place, and parents for species that cannot be told apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from metaadapter.adapter.label_tree import ClassTree, LabelTree
from metaadapter.data.boxes.frame_detections import ANIMAL
from metaadapter.data.regular_files import is_regular
from metaadapter.errors import DataError, UsageError
from metaadapter.workflow.class_texts import require_label
from metaadapter.workflow.predictions import NONE_OF_THESE, Prediction
from metaadapter.workflow.unlabelled_pictures import BACKGROUND

EMPTY = "empty"
"""The label of a frame without detections."""
NOTHING = frozenset({BACKGROUND, EMPTY, "blank"})
PEOPLE, VEHICLES = frozenset({"person", "human", "people"}), frozenset({"vehicle", "car"})
# A child stays the label if it is three times as probable as all its siblings together.
CLEAR_SHARE = 0.75


def is_nothing(label: str) -> bool:
    """True if a class means a frame without an animal: background, empty or blank."""
    return label.casefold() in NOTHING


def is_species(label: str) -> bool:
    """False for a class that means nothing, people, vehicles or none of the classes."""
    return label.casefold() not in NOTHING | PEOPLE | VEHICLES | {NONE_OF_THESE}


@dataclass(frozen=True, slots=True)
class Species:
    """Prior knowledge about the species at a place."""

    allowed: frozenset[str] | None = None
    """The classes that occur there; `None` means all."""
    tree: LabelTree | None = None
    """The parents of classes that cannot always be told apart; `None` without any."""

    def among_possible(
        self,
        shares_NC: Float[np.ndarray, "n C"],
        classes: Sequence[str],
        detected: Sequence[str | None],
    ) -> Float[np.ndarray, "n C"]:
        """The conditional probabilities, given that a picture shows a class that it may show.

        Nothing, people and vehicles are no species, and always allowed; but a box that the detector
        calls an animal (its category is among `detected`) shows neither people nor vehicles.
        """
        allowed, others = self.allowed, PEOPLE | VEHICLES
        may_be_C = np.array(
            [allowed is None or label in allowed or not is_species(label) for label in classes]
        )
        is_other_C = np.array([label.casefold() in others for label in classes])
        is_animal_N = np.array([category == ANIMAL for category in detected], dtype=bool)
        may_be_NC = may_be_C & ~(is_animal_N[:, None] & is_other_C)
        may_be_NC = np.where(may_be_NC.any(1, keepdims=True), may_be_NC, may_be_C)
        if may_be_NC.all():
            return shares_NC
        kept_NC = np.where(may_be_NC, shares_NC, 0.0)
        total_N1 = kept_NC.sum(1, keepdims=True)
        even_NC = may_be_NC / may_be_NC.sum(1, keepdims=True)
        return np.where(total_N1 > 0, kept_NC / np.where(total_N1 > 0, total_N1, 1), even_NC)

    def rolled_up(self, prediction: Prediction) -> Prediction:
        """The prediction, with a parent as its label if its children cannot be told apart.

        The way goes down the tree to the most probable child, as long as the child has
        `CLEAR_SHARE` of its parent; the most probable name at the top is always clear. A parent
        where it ends is the label, and its most probable child the runner-up.
        """
        shares = prediction.probabilities
        if self.tree is None or prediction.label not in shares:  # `UNKNOWN`, or of the detector
            return prediction
        tree = ClassTree.of(self.tree, shares)
        (row_M,) = tree.node_probabilities(np.array([[*shares.values()]]))
        parent, together = "", 0.0
        for name, share in tree.descent(row_M):
            if parent and share < CLEAR_SHARE * together:
                return prediction._replace(
                    label=parent,
                    probability=together,
                    runner_up=name,
                    runner_up_probability=share,
                )
            parent, together = name, share
        return prediction


def read_parents(given: Sequence[str], classes: Sequence[str]) -> LabelTree | None:
    """Read values such as `fox,dog=canine`; return the tree, or `None` if none are given."""
    parents: dict[str, str] = {}
    for text in given:
        names, _, parent = (part.strip() for part in text.partition("="))
        children = {name.strip() for name in names.split(",") if name.strip()}
        if not parent or len(children) < 2:
            raise UsageError(
                f"--parents {text!r}: expected at least two classes and their parent, such as "
                "fox,dog=canine"
            )
        for child in sorted(children):
            require_label(child, classes, option="--parents")
            if other := parents.get(child):
                raise UsageError(f"--parents: {child!r} has two parents, {other!r} and {parent!r}")
        if parent in classes or parent in parents.values():
            raise UsageError(
                f"--parents {text!r}: {parent!r} is the name of a class or of another parent; "
                "choose another name"
            )
        parents |= dict.fromkeys(sorted(children), parent)
    return LabelTree(parents) if parents else None


MOST_NAMED = 3


class Allowed(NamedTuple):
    """The classes that occur, and all names of the list in the form of `folded`."""

    classes: frozenset[str]
    names: frozenset[str]
    warnings: tuple[str, ...] = ()


def folded(name: str) -> str:
    """A name in lower case, with single spaces in place of underscores."""
    return " ".join(name.replace("_", " ").split()).casefold()


def read_allowed(given: str, classes: Sequence[str], others: Iterable[str] = ()) -> Allowed:
    """Read names with commas between them, or a text file with one name per line.

    A name must be a class, or one of the `others`, which a detector may report; it may also be a
    word for nothing, people or vehicles. Only a file may have more names, because a list for a
    region has more than an adapter knows: a warning tells which of them resemble a class.
    """
    known = {folded(label): label for label in classes}
    is_file, names = _read_names(given)
    outside = {folded(other) for other in others}
    unknown = [
        name
        for name in names
        if folded(name) not in known and folded(name) not in outside and is_species(name)
    ]
    if unknown and not is_file:
        require_label(unknown[0], [*classes, *others], option="--allowed")
    listed = frozenset(map(folded, names))
    allowed = frozenset(label for name, label in known.items() if name in listed)
    # Other species alone leave the adapter no answer, unless it has a class that is no species.
    others_do = outside & listed and not all(map(is_species, classes))
    if not any(map(is_species, allowed)) and not others_do:
        raise UsageError(
            f"--allowed {given}: it names none of the adapter's classes ("
            f"{', '.join(map(repr, classes[:5]))}{', …' if len(classes) > 5 else ''}); give names "
            "of classes with commas between them, or a text file with one name on each line"
        )
    return Allowed(allowed, listed, _near_misses(given, unknown, [*known.keys() - listed]))


def _near_misses(given: str, unknown: Sequence[str], missing: Sequence[str]) -> tuple[str, ...]:
    """Return a warning if unknown names resemble classes that the list does not name."""
    near = [
        f"{name!r} (did you mean {close[0]!r}?)"
        for name in unknown
        if (close := get_close_matches(folded(name), missing, n=1, cutoff=0.8))
    ]
    if not near:
        return ()
    shown = ", ".join(near[:MOST_NAMED]) + (", …" if len(near) > MOST_NAMED else "")
    return (f"--allowed {given}: {len(near)} name(s) are not classes but resemble one: {shown}",)


def _read_names(given: str) -> tuple[bool, list[str]]:
    """Return whether the value is a file, and the names in it."""
    if not (is_file := is_regular(file := Path(given))):
        lines = given.split(",")
    else:
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"expected a text file in UTF-8 with a species on each line in {file}, but reading "
                f"it failed: {error}"
            ) from error
    return is_file, [" ".join(line.split()) for line in lines if line.strip()]
