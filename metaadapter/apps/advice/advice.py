"""One piece of advice on labelled pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Kind = Literal["label", "near_duplicate", "name", "confused", "few_pictures"]
Picture = TypeVar("Picture")


@dataclass(frozen=True)
class Advice(Generic[Picture]):
    """A fault or a lack of labelled pictures, and its remedy."""

    kind: Kind
    sentence: str
    """The finding and the remedy."""
    classes: tuple[str, ...]
    """The classes concerned. For `label`: the given one and the better one. For `name`: the one
    with the doubtful name and the one whose pictures fit the name better, two with swapped names,
    or all whose names say nothing."""
    pictures: tuple[Picture, ...]
    """The pictures concerned: their numbers, from 0 in the order of the arguments, or their ids.
    For `confused` they are pairs, one of each class: the first and the second, the third and the
    fourth, …"""
