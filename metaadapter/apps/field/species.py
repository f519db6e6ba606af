"""The species that occur at a place, and parents for species that cannot be told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from metaadapter.adapter.label_tree import ClassTree, LabelTree
from metaadapter.data.boxes.frame_detections import ANIMAL
from metaadapter.errors import UsageError
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
