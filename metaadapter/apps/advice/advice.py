"""One piece of advice on labelled pictures."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["label", "near_duplicate", "name", "confused", "few_pictures"]


class Advice(NamedTuple):
    """A piece of advice tells what looks wrong or is missing, and what to do about it."""

    kind: Kind
    sentence: str
    """It tells people what was found and what to do."""
    classes: tuple[str, ...]
    """The labels it is about: of `label` the given one and the one that fits better; of `name` the
    one whose name is doubted and the one whose pictures it fits better, two whose names look
    swapped, or all whose names say nothing."""
    pictures: tuple[int, ...]
    """Numbers of the pictures to look at, from 0 in the order that they were given. Of `confused`
    they are pairs, one of each class: the first and the second, the third and the fourth, …"""
