"""Settle pieces of advice, and take that back: edits of a project's contents."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from metaadapter.apps.advice.kinds import Advice, Kind
from metaadapter.apps.page.changes import label_pictures, move_pictures
from metaadapter.apps.page.contents import Change, Contents
from metaadapter.apps.page.entries import NONE, Action, AdviceEntry
from metaadapter.apps.page.refusal import Refusal
from metaadapter.data.strict_json import json_text

ACTIONS: Mapping[Kind, tuple[Action, ...]] = {
    "stranger": ("none", "keep"),
    "label": ("move", "none", "keep"),
    "alike": ("none", "dismiss"),
}
"""Kind → the ways to settle it; other kinds can only be dismissed."""
# These pieces are about single pictures, the others about whole classes.
ON_PICTURES = ("stranger", "label", "near_duplicate", "alike")


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


def settle(contents: Contents, piece: Advice[str], action: Action) -> tuple[Change, ...]:
    """The changes that settle a piece of advice: its pictures move, and it does not come back."""
    if action not in actions_of(piece):
        raise Refusal(422, "invalid", f"This advice cannot be settled by {action!r}.")
    entry = AdviceEntry(action=action, **vars(piece))
    label = _label_after(entry)
    if label and any(_label_of(contents, picture) != _before(entry) for picture in piece.pictures):
        raise no_such_advice()  # a person has moved a picture since
    moves = label_pictures(contents, dict.fromkeys(piece.pictures, label)) if label else ()
    return (*moves, *contents.changes("advice", {id_of_advice(piece): entry}))


def take_back(contents: Contents, key: str) -> tuple[Change, ...]:
    """The changes that bring a piece back, and its pictures, unless they were moved again."""
    entry = contents.settled.get(key)
    if entry is None:
        raise no_such_advice()
    label = _label_after(entry)
    before = _before(entry) if _before(entry) in contents.classes else None
    moved = {
        picture: before
        for picture in entry.pictures
        if label and picture in contents.pictures and contents.pictures[picture].label == label
    }
    return (*move_pictures(contents, moved), *contents.changes("advice", {key: None}))


def no_such_advice() -> Refusal:
    """The refusal of a request about advice that is no longer given."""
    return Refusal(404, "no-such-advice", "This advice is no longer given. Load the page again.")


def _before(entry: AdviceEntry) -> str | None:
    """The label that the pictures had when the advice was given; `None` in the tray."""
    return entry.classes[0] if entry.classes else None


def _label_of(contents: Contents, picture: str) -> str | None:
    contents.require_pictures([picture])
    return contents.pictures[picture].label


def _label_after(entry: AdviceEntry) -> str | None:
    """The label that the action gives the pictures; `None` if they keep theirs."""
    if entry.action == "none":
        return NONE
    return entry.classes[1] if entry.action == "move" else None
