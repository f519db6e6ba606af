"""Files that a client uploads: unpacked within limits, and added to the open project."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from secrets import token_hex
from typing import IO, TYPE_CHECKING, NamedTuple

from metaadapter.apps.page.changes import (
    Labels,
    add_classes,
    add_pictures,
    joined_labels,
    with_labels,
)
from metaadapter.apps.page.contents import Change, Contents, Edit
from metaadapter.apps.page.entries import NONE, PictureEntry
from metaadapter.apps.page.picture_folder import PictureFolder
from metaadapter.apps.page.refusal import Limits, Refusal, not_saved
from metaadapter.apps.page.routes.dependencies import Editor
from metaadapter.apps.page.routes.forms import NewPictures, Reply
from metaadapter.data.capture_time import capture_time
from metaadapter.data.class_names import same_label_spelling
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.walk import LEFTOVERS
from metaadapter.errors import DataError
from metaadapter.files.plain_text import one_line
from metaadapter.files.stored_zip import DAMAGE
from metaadapter.workflow.prediction.predictions import NONE_OF_THESE

if TYPE_CHECKING:
    from fastapi import UploadFile


FOLDERS = "folders"
"""The value of the field `class` that makes a class of each folder."""


def add_uploads(editor: Editor, form: NewPictures, folder: Path, limits: Limits) -> Reply:
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
    reply = editor.edit(edit)
    return {"added": added, "known_already": known, "refused": refused, **reply}


def keep_pictures(
    files: Iterable[UploadedFile], folder: PictureFolder
) -> tuple[list[tuple[str, str]], list[Reply]]:
    """Move uploaded pictures to `folder`; return (id, name) pairs and refusals."""
    kept, refused = [], []
    for file in files:
        if file.path is None:
            refused.append({"name": file.name, "reason": file.reason})
            continue
        try:
            kept.append((folder.keep(file.path), file.name))
        except UnreadableImage as error:
            refused.append({"name": file.name, "reason": error.reason})
    folder.sync()
    return kept, refused


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


def _again(contents: Contents, entry: PictureEntry, name: str, labels: Labels) -> PictureEntry:
    """The entry of a picture that is uploaded again: from the tray it moves to its new class.

    In a project of several labels it has the new class, too. If the new name begins with more
    folders, it is kept, because folders are cameras.
    """
    if entry.boxes is not None:
        return entry
    if contents.several or not entry.labels:
        entry = with_labels(contents, entry, joined_labels(entry.labels, labels))
    name = name if name.endswith(f"/{entry.name}") else entry.name
    return entry.model_copy(update={"name": name})


def n_pictures(n: int) -> str:
    """A number of pictures in words."""
    return "1 picture" if n == 1 else f"{n} pictures"


MAX_PART_LENGTH, MAX_PARTS = 120, 16
DRIVE = re.compile(r"^[A-Za-z]:")
MAGIC = b"PK\x03\x04"
# With other methods, Python unpacks all that it has read in one step, perhaps to gigabytes.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class UploadedFile(NamedTuple):
    """A file that a client uploaded: its plain name, and its path, or why it has none."""

    name: str
    path: Path | None
    reason: str = ""


def uploaded_files(
    files: Iterable[UploadFile], folder: Path, limits: Limits
) -> Iterator[UploadedFile]:
    """Yield the files of a form, its zip files unpacked; use each file before taking the next.

    A file that is refused, such as a file above the limit, has a reason and no path.
    """
    target = folder / "file"
    for file in files:
        name, content = plain_name(file.filename or ""), file.file
        if _is_zip(content):
            try:
                yield from unpack(content, target, limits)
            except ValueError as error:
                yield UploadedFile(name, None, str(error))
        elif (file.size or 0) > limits.picture_bytes:
            yield UploadedFile(name, None, f"it has more than {limits.picture_bytes:,} bytes")
        else:
            yield UploadedFile(name, on_disk(file, target))


def on_disk(file: UploadFile, target: Path) -> Path:
    """Write a file to `target`, and return `target`; a `Refusal` if it cannot be written."""
    try:
        with target.open("wb") as written:
            shutil.copyfileobj(file.file, written)
    except OSError as error:
        raise not_saved(error) from error
    return target


def unpack(file: IO[bytes], target: Path, limits: Limits) -> Iterator[UploadedFile]:
    """Yield the files of a zip file, each unpacked to `target`: move it away before the next one.

    The names in the zip file never become names on the disk. Folders, hidden files and the files
    that file managers leave behind are skipped. A `ValueError` says why a zip file is refused.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = [entry for entry in archive.infolist() if _is_wanted(entry)]
            if len(entries) > limits.archived_files:
                raise ValueError(
                    f"it holds {len(entries):,} files; the limit is {limits.archived_files:,}"
                )
            checked = [(entry, _fault(entry, limits.picture_bytes)) for entry in entries]
            if sum(one.file_size for one, fault in checked if not fault) > limits.unpacked_bytes:
                raise ValueError(f"it unpacks to more than {limits.unpacked_bytes:,} bytes")
            for entry, fault in checked:
                if not fault:
                    # `zipfile` reads at most the size that was checked.
                    with archive.open(entry) as packed, target.open("wb") as unpacked:
                        shutil.copyfileobj(packed, unpacked)
                yield UploadedFile(plain_name(entry.filename), None if fault else target, fault)
    except DAMAGE as error:
        raise ValueError(f"it is damaged or not a readable zip file ({error})") from error


def _is_zip(file: IO[bytes]) -> bool:
    start = file.read(len(MAGIC))
    file.seek(0)
    return start == MAGIC


def _is_wanted(entry: zipfile.ZipInfo) -> bool:
    parts = entry.filename.replace("\\", "/").split("/")
    hidden = any(part.startswith(".") and part not in (".", "..") for part in parts)
    return not entry.is_dir() and not hidden and not LEFTOVERS.intersection(parts)


def _fault(entry: zipfile.ZipInfo, max_bytes: int) -> str:
    if entry.flag_bits & 1:
        return "it is encrypted"
    if entry.compress_type not in METHODS:
        return "its compression is not supported; pack it again as an ordinary zip file"
    if entry.file_size > max_bytes:
        return f"it has {entry.file_size:,} bytes; the limit is {max_bytes:,}"
    return ""


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
