"""Uploaded pictures: read from files and zip files, and added to the open project."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from secrets import token_hex

from metaadapter.apps.page.changes import add_classes, add_pictures
from metaadapter.apps.page.contents import NONE, Change, Contents, PictureEntry
from metaadapter.apps.page.editor import Editor
from metaadapter.apps.page.forms import Added, RefusedFile
from metaadapter.apps.page.labelling import NewLabel, joined_labels, with_label
from metaadapter.apps.page.multipart import Form, FormFile, Limits
from metaadapter.apps.page.picture_folder import PictureFolder
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.uploaded_zip import UploadedFile, is_zip, unpack
from metaadapter.data.capture_time import capture_time
from metaadapter.data.class_names import same_label_spelling
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.plain_text import one_line
from metaadapter.errors import DataError
from metaadapter.workflow.predictions import NONE_OF_THESE

FOLDERS = "folders"
"""The value of the field `class` that makes a class of each folder."""
MAX_PART_LENGTH, MAX_PARTS = 120, 16
DRIVE = re.compile(r"^[A-Za-z]:")


def add_uploads(editor: Editor, form: Form, limits: Limits) -> Added:
    """Add pictures to the tray, to one class or to none, or to the classes of their folders.

    Pictures that the project already has keep their class; those in the tray move to the new class.
    """
    session, target = editor.session, form.texts.get("class", "")
    if target not in ("", FOLDERS, NONE):
        session.read(lambda contents: contents.require_class(target))
    try:
        kept, refused = keep_pictures(form.files, session.project.pictures, limits)
    except DataError as error:
        raise Refusal(503, "not-saved", f"The pictures cannot be stored: {error}.") from error
    uploaded = dict(kept)
    times = {key: capture_time(session.project.pictures.path(key)) for key in uploaded}
    added: list[str] = []
    known: list[str] = []

    def changes(contents: Contents) -> tuple[Change, ...]:
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
            ids |= {
                same_label_spelling(entry.name): label for label, entry in contents.classes.items()
            }
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
        return (
            *new_classes,
            *add_pictures(contents, new, labels, times),
            *contents.changes("picture", changed),
        )

    session.check_again(uploaded)
    # Frames are encoded by their boxes, which may have waited for them.
    stops = bool(form.texts.get("wait")) or session.read(lambda contents: bool(contents.waiting))
    revised = editor.edit(f"Added {n_pictures(len(uploaded))}", changes, stops=stops)
    return Added(added=added, known_already=known, refused=refused, revision=revised.revision)


def keep_pictures(
    files: Sequence[FormFile], folder: PictureFolder, limits: Limits
) -> tuple[list[tuple[str, str]], list[RefusedFile]]:
    """Move pictures from files and zip files to `folder`; return (id, name) pairs and refusals."""
    kept, refused = [], []
    for file in uploaded_files(files, limits):
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


def uploaded_files(files: Sequence[FormFile], limits: Limits) -> Iterator[UploadedFile]:
    """Yield the files of a form, its zip files unpacked; use each file before taking the next.

    A file that is refused, such as a file above the limit, has a reason and no path.
    """
    for file in files:
        name = plain_name(file.name)
        if is_zip(file.path):
            yield from _unpacked(name, file.path, limits)
            file.path.unlink(missing_ok=True)
        elif file.path.stat().st_size > limits.picture_bytes:
            yield UploadedFile(name, None, f"it has more than {limits.picture_bytes:,} bytes")
        else:
            yield UploadedFile(name, file.path)


def _unpacked(zip_name: str, path: Path, limits: Limits) -> Iterator[UploadedFile]:
    try:
        for file in unpack(path, path.with_name(f"{path.name}-unpacked"), limits):
            name = plain_name(file.name)
            if file.path is not None and is_zip(file.path):
                reason = "it is a zip file within a zip file; unpack it first"
                yield UploadedFile(name, None, reason)
            else:
                yield file._replace(name=name)
    except ValueError as error:
        yield UploadedFile(zip_name, None, str(error))


def plain_name(name: str) -> str:
    """A client's file name as a relative path without `..`; each part becomes one visible line.

    The page shows the name, and tables and scripts that people download contain it.
    """
    parts = DRIVE.sub("", name.replace("\\", "/")).split("/")
    kept = [one_line(part.strip()) for part in parts if part.strip() not in ("", ".", "..")]
    return "/".join([_shortened(part) for part in kept][-MAX_PARTS:]) or "picture"


def folder_of(name: str) -> str:
    """The folder in the name of a picture; "" if the name has no folder."""
    return name.split("/")[-2] if "/" in name else ""


def n_pictures(n: int) -> str:
    """A number of pictures in words."""
    return "1 picture" if n == 1 else f"{n} pictures"


def _shortened(part: str) -> str:
    if len(part) <= MAX_PART_LENGTH:
        return part
    stem, dot, suffix = part.rpartition(".")
    end = f"{dot}{suffix}" if stem and len(suffix) <= 8 else ""
    return part[: MAX_PART_LENGTH - len(end)] + end
