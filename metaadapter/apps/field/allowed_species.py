"""The value of `--allowed`: the species that occur where the pictures were taken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from metaadapter.apps.field.species import is_species
from metaadapter.data.regular_files import is_regular
from metaadapter.errors import DataError, UsageError
from metaadapter.workflow.class_texts import require_label

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
