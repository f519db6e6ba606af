"""The species that occur at a place, and parents for species that cannot be told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

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
    parents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Parent → its children, which are classes."""

    def among_allowed(
        self, shares_NC: Float[np.ndarray, "n C"], classes: Sequence[str]
    ) -> Float[np.ndarray, "n C"]:
        """The conditional probabilities, given that a picture shows no class that is not allowed.

        Nothing, people and vehicles are no species, and always allowed.
        """
        if self.allowed is None:
            return shares_NC
        may_be_C = np.array([label in self.allowed or not is_species(label) for label in classes])
        kept_NC = np.where(may_be_C, shares_NC, 0.0)
        total_N1 = kept_NC.sum(1, keepdims=True)
        even_C = may_be_C / may_be_C.sum()
        return np.where(total_N1 > 0, kept_NC / np.where(total_N1 > 0, total_N1, 1), even_C)

    def rolled_up(self, prediction: Prediction) -> Prediction:
        """The prediction, with a parent as its label if its children cannot be told apart.

        The probability of a parent is the sum over its children. The parent is the label if it is
        more probable than every class outside it, and no child has `CLEAR_SHARE` of its
        probability; the most probable child is then the runner-up.
        """
        shares = prediction.probabilities
        of_parents = {
            parent: sum(shares[child] for child in children)
            for parent, children in self.parents.items()
            if prediction.label in shares  # not if it is `UNKNOWN` or the detector's category
        }
        if not of_parents:
            return prediction
        parent = max(of_parents, key=of_parents.__getitem__)
        children, together = self.parents[parent], of_parents[parent]
        others = [share for label, share in shares.items() if label not in children]
        child = max(children, key=shares.__getitem__)
        if together <= max(others, default=0) or shares[child] >= CLEAR_SHARE * together:
            return prediction
        return prediction._replace(
            label=parent,
            probability=together,
            runner_up=child,
            runner_up_probability=shares[child],
        )


def read_parents(given: Sequence[str], classes: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Read values such as `fox,dog=canine`; return parent → children."""
    parents: dict[str, tuple[str, ...]] = {}
    for text in given:
        names, _, parent = (part.strip() for part in text.partition("="))
        children = tuple(name.strip() for name in names.split(",") if name.strip())
        if not parent or len(set(children)) < 2:
            raise UsageError(
                f"--parents {text!r}: expected at least two classes and their parent, such as "
                "fox,dog=canine"
            )
        for child in children:
            require_label(child, classes, option="--parents")
            if other := next((name for name, taken in parents.items() if child in taken), None):
                raise UsageError(f"--parents: {child!r} has two parents, {other!r} and {parent!r}")
        if parent in classes or parent in parents:
            raise UsageError(
                f"--parents {text!r}: {parent!r} is the name of a class or of another parent; "
                "choose another name"
            )
        parents[parent] = children
    return parents
