"""The quality of class names in an evaluation: the encoder's own, or made from the pictures."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BeforeValidator

OWN, NOISE, CONE = "own", "noise", "cone:"
MADE = "made names"
MADE_NOTE = (
    "The class texts of sets with “made names” are not an encoder's: they are made from the "
    "pictures of the set, queries included, and simulate what an encoder knows of the names."
)


def read_level(given: Any) -> str:
    """Return a level of names as it is written in names of sets; raise `ValueError` for no level.

    Levels are "own", the encoder's names; a number, the length of the noise on a class mean of
    length 1; "noise", noise alone; and "cone:" before a number or "noise".
    """
    text = str(given).strip()
    if text == OWN:
        return text
    prefix = CONE if text.startswith(CONE) else ""
    amount = text.removeprefix(prefix)
    if amount == NOISE:
        return text
    try:
        number = math.nan if isinstance(given, bool) else float(amount)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise ValueError(
            f"expected levels of names such as own, 0.6, noise or cone:2, got {given!r}; a number "
            "from 0 is the length of the noise beside a class mean of length 1"
        )
    return f"{prefix}{number:g}"


NameLevel = Annotated[str, BeforeValidator(read_level)]


def is_in_cones(level: str) -> bool:
    """Return whether features of this level are bent into the cones of pictures and texts."""
    return level.startswith(CONE)


def noise_of(level: str) -> float:
    """Return the length of the noise of made names; infinity for noise alone."""
    amount = level.removeprefix(CONE)
    return math.inf if amount == NOISE else float(amount)


def made_names_note(levels: Iterable[str]) -> str:
    """Return the sentence on made names; "" if all names are the encoder's own."""
    return MADE_NOTE if any(level != OWN for level in levels) else ""
