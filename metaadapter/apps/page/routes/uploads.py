"""Pictures that a client uploads, added to the open project."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from metaadapter.apps.page.changes import Labels, add_classes, add_pictures, joined_labels
from metaadapter.apps.page.contents import Change, Contents, Edit
from metaadapter.apps.page.entries import NONE, PictureEntry
from metaadapter.apps.page.picture_folder import PictureFolder
from metaadapter.apps.page.refusal import Limits, Refusal
from metaadapter.apps.page.routes.dependencies import Editor
from metaadapter.apps.page.routes.forms import NewPictures, Reply
from metaadapter.data.capture_time import capture_time
from metaadapter.data.class_names import same_label_spelling
from metaadapter.data.inputs import UnreadableImage
from metaadapter.errors import DataError
from metaadapter.files.plain_text import one_line
from metaadapter.workflow.prediction.predictions import NONE_OF_THESE

if TYPE_CHECKING:
    from fastapi import UploadFile


FOLDERS = "folders"
"""The value of the field `class` that makes a class of each folder."""


def add_uploads(editor: Editor, form: NewPictures, limits: Limits) -> Reply:
    """Add pictures to the tray, to one class or to none, or to the classes of their folders.

    Pictures that the project already has keep their class; those in the tray move to the new class.
    Those that the same drop has `added` count as such, also in a request that is sent again.
    """
    session, target, drop = editor.session, form.class_id, form.drop or token_hex(6)
    if target not in ("", FOLDERS, NONE):
        session.read(lambda contents: contents.require_class(target))
    try:
        kept, refused = keep_pictures(form.pictures, session.project.pictures, limits)
    except DataError as error:
        raise Refusal(503, "not-saved", f"The pictures cannot be stored: {error}.") from error
    uploaded = dict(kept)
    entries = dict[str, PictureEntry]()
    for key, name in uploaded.items():
        time = capture_time(session.project.pictures.path(key))
        entries[key] = PictureEntry(
            name=one_line(name), place=0, time=time.isoformat() if time else None
        )

    def edit(contents: Contents) -> Edit:
        if drop in contents.keys:
            raise Refusal(409, "drop-undone", "This drop was undone. The rest is not added.")
        new_classes: tuple[Change, ...] = ()
        # The class may have been removed during the upload.
        is_label = target == NONE or target in contents.classes
        labels: dict[str, Labels] = dict.fromkeys(uploaded, (target,) if is_label else ())
        if target == FOLDERS:
            # The folder of none of the classes comes from a download of pictures in folders.
            ids = {same_label_spelling(NONE_OF_THESE): NONE}
            ids |= {same_label_spelling(name): key for key, name in contents.class_names.items()}
            folders = {
                same_label_spelling(folder): folder
                for _, name in kept
                if (folder := folder_of(name))
            }
            new_names = {token_hex(6): folders[key] for key in folders if key not in ids}
            new_classes = add_classes(contents, new_names)
            ids |= {same_label_spelling(name): label for label, name in new_names.items()}
            labels = _of_folders(kept, ids, several=contents.settings.several)
        changes = (*new_classes, *add_pictures(contents, entries, labels))
        return Edit("", (), "added-pictures", drop=drop).adding(changes)

    session.check_again(uploaded)
    reply = editor.edit(edit)
    own = session.read(lambda contents: contents.added_by(drop))
    return {
        "added": [key for key in uploaded if key in own],
        "known_already": [key for key in uploaded if key not in own],
        "refused": refused,
        **reply,
    }


def keep_pictures(
    files: Iterable[UploadFile], folder: PictureFolder, limits: Limits
) -> tuple[list[tuple[str, str]], list[Reply]]:
    """Keep uploaded pictures in `folder`; return (id, name) pairs and refusals."""
    kept, refused = [], []
    for file in files:
        name = plain_name(file.filename or "")
        try:
            kept.append((folder.keep(content_of(file, limits)), name))
        except UnreadableImage as error:
            refused.append({"name": name, "reason": error.reason})
    return kept, refused


def content_of(file: UploadFile, limits: Limits) -> bytes:
    """The content of an uploaded picture; an `UnreadableImage` above the limit."""
    if (file.size or 0) > limits.picture_bytes:
        reason = f"it has more than {limits.picture_bytes:,} bytes"
        raise UnreadableImage(Path(file.filename or ""), reason)
    return file.file.read()


def _of_folders(
    kept: Iterable[tuple[str, str]], ids: Mapping[str, str], *, several: bool
) -> dict[str, Labels]:
    """Picture → the class of its folder, or the classes of all folders with a copy of it."""
    labels: dict[str, Labels] = {}
    for key, name in kept:
        label = ids.get(same_label_spelling(folder_of(name)))
        before = labels.get(key, ()) if several else ()
        labels[key] = joined_labels(before, () if label is None else (label,))
    return labels


MAX_PART_LENGTH, MAX_PARTS = 120, 16
DRIVE = re.compile(r"^[A-Za-z]:")


def plain_name(name: str) -> str:
    """A client's file name as a relative path without `..`; each part becomes one visible line.

    The page shows the name, and tables and scripts that people download contain it.
    """
    parts = DRIVE.sub("", name.replace("\\", "/")).split("/")
    kept = [one_line(part.strip()) for part in parts if part.strip() not in ("", ".", "..")]
    return "/".join([_shortened(part) for part in kept][-MAX_PARTS:]) or "picture"


def _shortened(part: str) -> str:
    if len(part) <= MAX_PART_LENGTH:
        return part
    stem, dot, suffix = part.rpartition(".")
    end = f"{dot}{suffix}" if stem and len(suffix) <= 8 else ""
    return part[: MAX_PART_LENGTH - len(end)] + end


def folder_of(name: str) -> str:
    """The folder in the name of a picture; "" if the name has no folder."""
    return name.split("/")[-2] if "/" in name else ""
