"""Uploaded pictures, added to the open project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from secrets import token_hex

from metaadapter.apps.page.changes import (
    NewLabel,
    add_classes,
    add_pictures,
    joined_labels,
    with_label,
)
from metaadapter.apps.page.contents import Change, Contents, Edit
from metaadapter.apps.page.dependencies import Editor
from metaadapter.apps.page.entries import NONE, PictureEntry
from metaadapter.apps.page.forms import RefusedFile, Revised
from metaadapter.apps.page.limits import Limits
from metaadapter.apps.page.picture_folder import PictureFolder
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.upload_forms import NewPictures
from metaadapter.apps.page.uploaded_files import UploadedFile, folder_of, uploaded_files
from metaadapter.data.capture_time import capture_time
from metaadapter.data.class_names import same_label_spelling
from metaadapter.data.inputs import UnreadableImage
from metaadapter.errors import DataError
from metaadapter.workflow.predictions import NONE_OF_THESE

FOLDERS = "folders"
"""The value of the field `class` that makes a class of each folder."""


class Added(Revised):
    """The result of an upload."""

    added: list[str]
    known_already: list[str]
    refused: list[RefusedFile]


def add_uploads(editor: Editor, form: NewPictures, folder: Path, limits: Limits) -> Added:
    """Add pictures to the tray, to one class or to none, or to the classes of their folders.

    Pictures that the project already has keep their class; those in the tray move to the new class.
    """
    session, target = editor.session, form.class_id
    if target not in ("", FOLDERS, NONE):
        session.read(lambda contents: contents.require_class(target))
    try:
        kept, refused = keep_pictures(
            uploaded_files(form.pictures, folder, limits), session.project.pictures
        )
    except DataError as error:
        raise Refusal(503, "not-saved", f"The pictures cannot be stored: {error}.") from error
    uploaded = dict(kept)
    times = {key: capture_time(session.project.pictures.path(key)) for key in uploaded}
    added: list[str] = []
    known: list[str] = []

    def edit(contents: Contents) -> Edit:
        new = {key: name for key, name in uploaded.items() if key not in contents.pictures}
        added.extend(new)
        known.extend(key for key in uploaded if key not in new)
        new_classes: tuple[Change, ...] = ()
        # The class may have been removed during the upload.
        is_label = target == NONE or target in contents.classes
        labels: dict[str, NewLabel] = dict.fromkeys(uploaded, target if is_label else None)
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
            labels = _of_folders(kept, ids, several=contents.several)
        again = {
            key: _again(contents, contents.pictures[key], uploaded[key], labels[key])
            for key in known
        }
        changed = {key: entry for key, entry in again.items() if entry != contents.pictures[key]}
        changes = (
            *new_classes,
            *add_pictures(contents, new, labels, times),
            *contents.changes("picture", changed),
        )
        n = len(uploaded)
        return Edit(f"Added {n_pictures(n)}", changes, "added-pictures", {"n": n})

    session.check_again(uploaded)
    # Frames are encoded by their boxes, which may have waited for them.
    stops = bool(form.wait) or session.read(lambda contents: bool(contents.waiting))
    revised = editor.edit(edit, stops=stops)
    return Added(added=added, known_already=known, refused=refused, revision=revised.revision)


def keep_pictures(
    files: Iterable[UploadedFile], folder: PictureFolder
) -> tuple[list[tuple[str, str]], list[RefusedFile]]:
    """Move uploaded pictures to `folder`; return (id, name) pairs and refusals."""
    kept, refused = [], []
    for file in files:
        if file.path is None:
            refused.append(RefusedFile(name=file.name, reason=file.reason))
            continue
        try:
            kept.append((folder.keep(file.path), file.name))
        except UnreadableImage as error:
            refused.append(RefusedFile(name=file.name, reason=error.reason))
    folder.sync()
    return kept, refused


def _of_folders(
    kept: Iterable[tuple[str, str]], ids: Mapping[str, str], *, several: bool
) -> dict[str, NewLabel]:
    """Picture → the class of its folder, or the classes of all folders with a copy of it."""
    labels: dict[str, NewLabel] = {}
    for key, name in kept:
        label: NewLabel = ids.get(same_label_spelling(folder_of(name)))
        before = labels.get(key) if several else None
        copies = before if isinstance(before, tuple) else (before,) if before else ()
        labels[key] = joined_labels(copies, label) if several else label
    return labels


def _again(contents: Contents, entry: PictureEntry, name: str, label: NewLabel) -> PictureEntry:
    """The entry of a picture that is uploaded again: from the tray it moves to its new class.

    In a project of several labels it has the new class, too. If the new name begins with more
    folders, it is kept, because folders are cameras.
    """
    if entry.boxes is not None:
        return entry
    if contents.several:
        entry = with_label(contents, entry, joined_labels(entry.labels, label))
    elif entry.label is None:
        entry = with_label(contents, entry, label)
    name = name if name.endswith(f"/{entry.name}") else entry.name
    return entry.model_copy(update={"name": name})


def n_pictures(n: int) -> str:
    """A number of pictures in words."""
    return "1 picture" if n == 1 else f"{n} pictures"
