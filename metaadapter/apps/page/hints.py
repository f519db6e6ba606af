"""Advice of a session, which a person settles."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256

import numpy as np

from metaadapter.apps.advice.advise import advise
from metaadapter.apps.advice.evidence import MAX_PICTURES, distances
from metaadapter.apps.advice.findings import groups_of_copies
from metaadapter.apps.advice.kinds import Advice, Kind
from metaadapter.apps.page.answers import Results, facts_of
from metaadapter.apps.page.changes import label_pictures, move_pictures
from metaadapter.apps.page.contents import Change, Contents
from metaadapter.apps.page.entries import NONE, Action, AdviceEntry
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.snapshot import Snapshot
from metaadapter.files.strict_json import json_text
from metaadapter.workflow.labelled_support import labelled_support


def advice_on(results: Results, settled: Collection[str]) -> list[Advice[str]] | None:
    """Return advice with the ids of classes and pictures, the most helpful first; none `settled`.

    It is `None` without an adapter, with several labels, or with too many pictures to compare all
    pairs.
    """
    task, stored = results.task, results.stored
    if task is None or stored is None or stored.support is None:
        return None
    if task.several or len(task.labels) > MAX_PICTURES:
        return None

    def with_ids(piece: Advice[int]) -> Advice[str]:
        classes = tuple(task.ids[name] for name in piece.classes)
        pictures = tuple(results.labelled[number] for number in piece.pictures)
        return Advice(piece.kind, piece.sentence, classes, pictures, piece.form, piece.values)

    names = [str(name) for name in stored.config.classes]
    texts = zip(names, stored.support.text_TND[0].numpy(), strict=True)
    pieces = advise(
        task.pictures.features,
        task.pictures.labels,
        {name: text for name, text in texts if text.any()},
        blocks=stored.config.blocks,
        is_settled=lambda piece: id_of_advice(with_ids(piece)) in settled,
    )
    return [with_ids(piece) for piece in pieces]


def without_copies(
    snapshot: Snapshot, results: Results, pictures: Iterable[str]
) -> tuple[list[str], int]:
    """Return the pictures that count as labels, in their order, and the number of near copies.

    Of near copies, and of an animal in a series, the first one counts, or none if one is labelled.
    They are compared with one another and with labelled pictures, `MAX_PICTURES` in all.
    """
    chosen = [one for one in dict.fromkeys(pictures) if one in snapshot.pictures]
    others = [one for one in snapshot.labelled if one not in {*chosen}]
    compared = [*chosen, *others][:MAX_PICTURES]
    if len(compared) < 2:
        return chosen, 0
    labels = [
        (snapshot.pictures[one].labels or (results.answers[one].label,))[0]
        if one in results.answers or snapshot.pictures[one].labels
        else ""
        for one in compared
    ]
    blocks = results.stored.config.blocks if results.stored else ()
    rows = snapshot.rows(compared)
    support = labelled_support(rows, labels, sorted({*labels}), None, None, blocks=blocks)
    near, order = distances(support), np.array(support.order)
    animals = [facts.animal for facts in facts_of(snapshot, compared)]
    numbers = np.array([animals.index(one) if one else -1 - n for n, one in enumerate(animals)])
    near[numbers[order][:, None] == numbers[order]] = 0
    dropped, n_copies = set[int](), 0
    for group in groups_of_copies(near, support.labelled_rows()[1].numpy()):
        places = sorted(order[group].tolist())
        own = [place for place in places if place < len(chosen)]
        dropped |= {*own[len(own) == len(places) :]}
        n_copies += len(own)
    return [one for place, one in enumerate(chosen) if place not in dropped], n_copies


ACTIONS: Mapping[Kind, tuple[Action, ...]] = {
    "stranger": ("none", "keep"),
    "label": ("move", "none", "keep"),
}
"""Kind → the ways to settle it; other kinds can only be dismissed."""
# These pieces are about single pictures, the others about whole classes.
ON_PICTURES = ("stranger", "label", "near_duplicate")


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
    moves: tuple[Change, ...] = ()
    if labels := _labels_after(entry):
        contents.require_pictures(piece.pictures)
        if any(contents.pictures[key].labels != entry.classes[:1] for key in piece.pictures):
            raise no_such_advice()  # a person has moved a picture since
        moves = label_pictures(contents, dict.fromkeys(piece.pictures, labels))
    return (*moves, *contents.changes("advice", {id_of_advice(piece): entry}))


def take_back(contents: Contents, key: str) -> tuple[Change, ...]:
    """The changes that bring a piece back, and its pictures, unless they were moved again."""
    entry = contents.settled.get(key)
    if entry is None:
        raise no_such_advice()
    labels = _labels_after(entry)
    before = tuple(label for label in entry.classes[:1] if label in contents.classes)
    moved = {
        picture: before
        for picture in entry.pictures
        if labels and picture in contents.pictures and contents.pictures[picture].labels == labels
    }
    return (*move_pictures(contents, moved), *contents.changes("advice", {key: None}))


def no_such_advice() -> Refusal:
    """The refusal of a request about advice that is no longer given."""
    return Refusal(404, "no-such-advice", "This advice is no longer given. Load the page again.")


def _labels_after(entry: AdviceEntry) -> tuple[str, ...]:
    """The labels that the action gives the pictures; empty if they keep theirs."""
    if entry.action == "none":
        return (NONE,)
    return entry.classes[1:2] if entry.action == "move" else ()
