"""A project on disk: its pictures by their hashes, the history of edits, and the features."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from metaadapter.apps.page.history import INSTEAD, History
from metaadapter.apps.page.leftovers import LEFTOVERS_FOLDER, set_others_aside
from metaadapter.apps.page.picture_folder import (
    PICTURES_FOLDER,
    THUMBNAILS_FOLDER,
    PictureFolder,
    make_folder,
)
from metaadapter.apps.page.project_folders import (
    HEAD_FILE,
    HISTORY_FILE,
    PROJECT_FILE,
    REDIRECT_FILE,
)
from metaadapter.data.checksums import read_document, write_document
from metaadapter.data.output_folder import (
    hold_lock,
    require_no_link,
    require_own_or_empty,
    write_errors,
)
from metaadapter.errors import DataError
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Recipe
from metaadapter.features.store.kept_features import KeptFeatures

LOCK_FILE = ".lock"
SCHEMA = "metaadapter.project/1"
INCOMING_FOLDER, FEATURES_FOLDER, DETECTIONS_FOLDER = "incoming", "features", "detections"
UPLOAD_PREFIX = "upload-"
PARTS = (
    *(PROJECT_FILE, LOCK_FILE, HISTORY_FILE, HEAD_FILE, PICTURES_FOLDER, THUMBNAILS_FOLDER),
    *(INCOMING_FOLDER, FEATURES_FOLDER, DETECTIONS_FOLDER, LEFTOVERS_FOLDER),
)
RESTORE = "restore the project from a copy"


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """The name of a project and its encoder's name."""

    name: str
    encoder: str


@dataclass(frozen=True, slots=True)
class Project:
    """A project that this process has open."""

    folder: Path
    facts: ProjectFacts
    encoder: ImageEncoder
    history: History
    pictures: PictureFolder
    features: KeptFeatures
    """The features of each picture by its SHA-256."""
    incoming: Path
    """A folder on the same drive for uploads that have not been checked yet."""
    detections: Path
    """A folder of detectors' files, by their ids, that list frames which have not come yet."""
    notes: tuple[str, ...] = ()
    """Sentences on what was not as it should be when the project was opened."""


def read_facts(folder: Path) -> ProjectFacts:
    """The name and the encoder of the project in a folder."""
    path = folder / PROJECT_FILE
    values, _ = read_document(path, SCHEMA, RESTORE)
    try:
        return ProjectFacts(str(values["name"]), str(values["encoder"]))
    except KeyError as error:
        raise DataError(f"{path} lacks {error}; {RESTORE}") from error


def rename(folder: Path, name: str) -> ProjectFacts:
    """Give the project in a folder another name; return its new facts."""
    values, _ = read_document(folder / PROJECT_FILE, SCHEMA, RESTORE)
    with write_errors(f"the project {folder}", instead="keep its name"):
        write_document(folder / PROJECT_FILE, {**values, "name": name})
    return read_facts(folder)


def hold(folder: Path) -> AbstractContextManager[None]:
    """Hold the lock of a project; a `DataError` if another process has it open."""
    advice = "use the page at the address that the other run printed"
    return hold_lock(folder / LOCK_FILE, f"the project {folder}", instead=advice)


@contextmanager
def open_project(
    folder: Path, name: str, encoder: str | None, load: Callable[..., ImageEncoder]
) -> Iterator[Project]:
    """Open the project in a folder, or make one with this name, for the duration of the block.

    Without `encoder`, the project's own is used, or `tiny` for a new one. `load` is `load_encoder`.
    """
    owner = f"the project {folder}"
    with write_errors(owner, instead=INSTEAD):
        folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        require_no_link(folder / part)
    if not _is_unfinished(folder):
        require_own_or_empty(
            folder,
            (PROJECT_FILE, HEAD_FILE),
            "project",
            instead="name a new folder for the project, and drop your pictures on its page",
        )
    with hold(folder):
        facts = _facts(folder)
        if facts is None:
            facts = ProjectFacts(name, "tiny" if encoder is None else encoder)
            loaded = load(facts.encoder)
        else:
            loaded = load(facts.encoder, remembered_by=owner) if encoder is None else load(encoder)
        incoming, pictures = folder / INCOMING_FOLDER, PictureFolder(folder)
        with write_errors(owner, instead=INSTEAD):
            make_folder(incoming)
            for left in incoming.glob(f"{UPLOAD_PREFIX}*"):  # by a request that a kill cut off
                shutil.rmtree(left, ignore_errors=True)
            make_folder(folder / DETECTIONS_FOLDER)
            pictures.make()
        history, notes = _history(folder, facts)
        with _features(folder / FEATURES_FOLDER, loaded, owner, notes) as features:
            with write_errors(owner, instead=INSTEAD):
                if n_others := pictures.set_others_aside(history.contents.kept_pictures):
                    notes.append(
                        f"the history does not name {n_others} of the files that were in "
                        f"{folder / PICTURES_FOLDER}; they are now in {folder / LEFTOVERS_FOLDER}"
                    )
                kept = history.contents.kept_detections
                set_others_aside(folder / DETECTIONS_FOLDER, kept, folder)
            for note in notes:
                warnings.warn(note, stacklevel=3)
            yield Project(
                *(folder, facts, loaded, history, pictures, features, incoming),
                *(folder / DETECTIONS_FOLDER, tuple(notes)),
            )
            features.commit()


def _is_unfinished(folder: Path) -> bool:
    """Return whether a folder has nothing but the empty parts of a new project that was killed."""
    paths = [path for path in folder.iterdir() if path.name not in (LOCK_FILE, REDIRECT_FILE)]
    return (folder / LOCK_FILE).exists() and all(
        path.name.removesuffix(".tmp") in PARTS
        and (not any(path.iterdir()) if path.is_dir() else not path.stat().st_size)
        for path in paths
    )


def _facts(folder: Path) -> ProjectFacts | None:
    """The facts of a project, `None` for a new one; a `DataError` if only they are missing."""
    path, history = folder / PROJECT_FILE, folder / HISTORY_FILE
    if path.exists():
        return read_facts(folder)
    if history.exists() and history.stat().st_size:
        raise DataError(
            f"{path} is missing, so the name and the encoder of the project are unknown; {RESTORE}"
        )
    return None


def _history(folder: Path, facts: ProjectFacts) -> tuple[History, list[str]]:
    """Open the history of a project, and write `project.json` of a new one; return also notes."""
    path, owner = folder / PROJECT_FILE, f"the project {folder}"
    is_new, notes = not path.exists(), []
    if not is_new and not (folder / HEAD_FILE).exists():
        notes.append(
            f"{folder / HEAD_FILE} was missing, so that edits may be missing at the end of "
            f"{HISTORY_FILE}; the whole lines count, and what was left of the file is in "
            f"{folder / LEFTOVERS_FOLDER}"
        )
    history = History(folder / HISTORY_FILE)
    if is_new:
        values = {"schema": SCHEMA, "name": facts.name, "encoder": facts.encoder}
        with write_errors(owner, instead=INSTEAD):
            write_document(path, values)
    return history, notes


def _features(folder: Path, encoder: ImageEncoder, owner: str, notes: list[str]) -> KeptFeatures:
    """Open the stored features; damaged ones are encoded again, with one more note."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        features = KeptFeatures(folder, Recipe.of(encoder), owner)
    notes += [str(warning.message) for warning in caught]
    return features
