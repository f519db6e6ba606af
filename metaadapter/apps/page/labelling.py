"""Projects in which a picture can show several classes: how they begin, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from metaadapter.apps.page.contents import NONE, Change, Contents, PictureEntry
from metaadapter.apps.page.labelling_entry import LABELLING, LabellingEntry
from metaadapter.apps.page.refusal import Refusal
from metaadapter.data.label_sets import ABSENT, SEPARATORS

NewLabel: TypeAlias = "str | tuple[str, ...] | None"
"""The label that a picture gets: a class, `NONE`, `None` for the tray, or several classes."""


def set_several(contents: Contents, *, several: bool) -> tuple[Change, ...]:
    """The changes after which a picture can show several classes, or only one again."""
    if several == contents.several:
        return ()
    if several:
        require_plain_names(entry.name for entry in contents.classes.values())
        settings = contents.settings
        has_series = settings.burst is not None or settings.allowed is not None
        if has_series or any(entry.boxes is not None for entry in contents.pictures.values()):
            raise takes_one_label("A project with boxes or series of camera traps")
    elif n := sum(bool(entry.also) for entry in contents.pictures.values()):
        raise Refusal(
            409,
            "several-in-use",
            f"{n} of the pictures show several classes. Give each of them one class first.",
            n=n,
        )
    return contents.changes("labelling", {LABELLING: LabellingEntry(several=several)})


def require_one_label(contents: Contents, what: str) -> None:
    """Refuse `what`, the subject of a sentence, in a project of several labels."""
    if contents.several:
        raise takes_one_label(what)


def takes_one_label(what: str) -> Refusal:
    """The refusal of `what`, the subject of a sentence, because pictures have several labels."""
    return Refusal(
        409,
        "several-labels",
        f"{what} works only where each picture has one label.",
    )


def require_plain_names(names: Iterable[str]) -> None:
    """Refuse names that a manifest of several labels would read as something else."""
    for name in names:
        if SEPARATORS.search(name) or name.startswith(ABSENT):
            raise Refusal(
                409,
                "name-separator",
                f"The name {name!r} has ; or |, which stand between labels, or begins with "
                f"{ABSENT}, which marks a label that is absent. Choose another name.",
                name=name,
            )


def with_label(contents: Contents, entry: PictureEntry, label: NewLabel) -> PictureEntry:
    """The entry with another label; a `Refusal` of several in a project of one label."""
    if not isinstance(label, tuple):
        return entry.model_copy(update={"label": label, "also": ()})
    if not contents.several:
        raise Refusal(422, "one-label", "In this project a picture has one label. Give one class.")
    first, *others = dict.fromkeys(label) or (NONE,)
    return entry.model_copy(update={"label": first, "also": tuple(others)})


def joined_labels(labels: tuple[str, ...], more: NewLabel) -> NewLabel:
    """The label of a picture of several labels that is put into further classes."""
    both = (*labels, *(more if isinstance(more, tuple) else (more,)))
    classes = tuple(dict.fromkeys(one for one in both if one not in (None, NONE)))
    return classes or (NONE if NONE in both else None)
