"""The species that occur at a place, and the classes that are no species."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from metaadapter.data.boxes.frame_detections import ANIMAL
from metaadapter.errors import DataError, UsageError
from metaadapter.files.regular_files import is_regular
from metaadapter.workflow.class_texts import require_label
from metaadapter.workflow.prediction.predictions import NONE_OF_THESE

EMPTY = "empty"
"""The label of a frame without detections."""
NOTHING = frozenset({"background", EMPTY, "blank"})
PEOPLE, VEHICLES = frozenset({"person", "human", "people"}), frozenset({"vehicle", "car"})


def is_nothing(label: str) -> bool:
    """True if a class means a frame without an animal: background, empty or blank."""
    return label.casefold() in NOTHING


def is_species(label: str) -> bool:
    """False for a class that means nothing, people, vehicles or none of the classes."""
    return label.casefold() not in NOTHING | PEOPLE | VEHICLES | {NONE_OF_THESE}


def among_possible(
    shares_NC: Float[np.ndarray, "n C"],
    classes: Sequence[str],
    allowed: frozenset[str] | None,
    detected: Sequence[str | None],
) -> Float[np.ndarray, "n C"]:
    """Return the conditional probabilities, given that a picture shows a class that it may show.

    `allowed` are the classes that occur; `None` means all. Nothing, people and vehicles are no
    species, and always allowed; but a box that the detector calls an animal (its category is among
    `detected`) shows neither people nor vehicles.
    """
    may_be_C = np.array(
        [allowed is None or label in allowed or not is_species(label) for label in classes]
    )
    is_other_C = np.array([label.casefold() in PEOPLE | VEHICLES for label in classes])
    is_animal_N = np.array([category == ANIMAL for category in detected], dtype=bool)
    may_be_NC = may_be_C & ~(is_animal_N[:, None] & is_other_C)
    may_be_NC = np.where(may_be_NC.any(1, keepdims=True), may_be_NC, may_be_C)
    if may_be_NC.all():
        return shares_NC
    kept_NC = np.where(may_be_NC, shares_NC, 0.0)
    total_N1 = kept_NC.sum(1, keepdims=True)
    even_NC = may_be_NC / may_be_NC.sum(1, keepdims=True)
    return np.where(total_N1 > 0, kept_NC / np.where(total_N1 > 0, total_N1, 1), even_NC)


class Allowed(NamedTuple):
    """The classes that occur, and all names of the list in the form of `folded`."""

    classes: frozenset[str]
    names: frozenset[str]


def folded(name: str) -> str:
    """A name in lower case, with single spaces in place of underscores."""
    return " ".join(name.replace("_", " ").split()).casefold()


def read_allowed(given: str, classes: Sequence[str], others: Iterable[str] = ()) -> Allowed:
    """Read names with commas between them, or a text file with one name per line.

    A name must be a class, or one of the `others`, which a detector may report; it may also be a
    word for nothing, people or vehicles. Only a file may have more names, because a list for a
    region has more than an adapter knows.
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
    return Allowed(allowed, listed)


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
