"""The entry of a project about a piece of advice that a person has settled."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Literal

from pydantic import BaseModel

from metaadapter.apps.advice.kinds import Advice, Form, Kind
from metaadapter.data.strict_json import json_text

Action = Literal["move", "none", "keep", "dismiss"]
ACTIONS: Mapping[Kind, tuple[Action, ...]] = {
    "stranger": ("none", "keep"),
    "label": ("move", "none", "keep"),
    "alike": ("none", "dismiss"),
}
"""Kind → the ways to settle it; other kinds can only be dismissed."""
# These pieces are about single pictures, the others about whole classes.
ON_PICTURES = ("stranger", "label", "near_duplicate", "alike")


class AdviceEntry(BaseModel, frozen=True, extra="forbid"):
    """A settled piece of advice: the action, and the piece as the person saw it."""

    action: Action
    kind: Kind
    sentence: str
    classes: tuple[str, ...]
    pictures: tuple[str, ...]
    form: Form
    values: dict[str, str | int | tuple[str, ...]]


def actions_of(piece: Advice[str]) -> tuple[Action, ...]:
    """The ways to settle a piece of advice."""
    return ACTIONS.get(piece.kind, ("dismiss",))


def id_of_advice(piece: Advice[str]) -> str:
    """An id that a piece keeps as long as it is about the same pictures, labels and names."""
    if piece.kind in ("label", "stranger"):  # also if another class looks better now
        facts: object = piece.classes[0], piece.pictures
    elif piece.kind in ON_PICTURES:
        facts = sorted(piece.classes), sorted(piece.pictures)
    else:
        facts = sorted(piece.classes), piece.sentence if piece.kind == "name" else ""
    kind = "label" if piece.kind == "stranger" else piece.kind
    return sha256(json_text([kind, facts]).encode()).hexdigest()[:32]
