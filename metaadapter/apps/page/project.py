"""A project on disk: pictures by their hashes, the history of edits, and kept features."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from metaadapter.apps.page.history import HISTORY_FILE, History
from metaadapter.apps.page.picture_folder import PictureFolder
from metaadapter.data.own_folder import hold_lock, require_own_or_empty, write_errors
from metaadapter.data.proof import read_document, write_document
from metaadapter.errors import DataError
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.store.header import Recipe
from metaadapter.features.store.journal import Journal

PROJECT_FILE, LOCK_FILE, SCHEMA = "project.json", ".lock", "metaadapter.project/1"
INCOMING_FOLDER, FEATURES_FOLDER = "incoming", "features"
REMEDY = "restore the project from a copy"
INSTEAD = "choose another project"
# Features that arrived a picture at a time are joined into one file when the project is opened.
MOST_BLOCKS = 50


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """What stays as it is in a project: its name and its encoder."""

    name: str
    encoder: str


@dataclass(frozen=True, slots=True)
class Project:
    """A project that this process holds open.

    Attributes:
        folder: Where it is.
        facts: Its name and its encoder's name.
        encoder: The encoder.
        history: Its contents, and the edits that led to them.
        pictures: The files of its pictures.
        features: What the encoder gave for each picture, by SHA-256; each is encoded once.
        incoming: A folder on the same drive for files that have not been looked at yet.
    """

    folder: Path
    facts: ProjectFacts
    encoder: ImageEncoder
    history: History
    pictures: PictureFolder
    features: Journal
    incoming: Path


def read_facts(folder: Path) -> ProjectFacts:
    """The name and the encoder of the project in a folder.

    Raises:
        DataError: There is none, or its document is damaged.
        IncompatibleArtifact: A later version made it.
    """
    values, _ = read_document(folder / PROJECT_FILE, SCHEMA, REMEDY)
    try:
        return ProjectFacts(str(values["name"]), str(values["encoder"]))
    except KeyError as error:
        raise DataError(f"{folder / PROJECT_FILE} lacks {error}; {REMEDY}") from error


@contextmanager
def open_project(
    folder: Path, name: str, encoder: str | None, load: Callable[..., ImageEncoder]
) -> Iterator[Project]:
    """Hold the project of a folder open, or make one there.

    Args:
        folder: Of the project, or a new or empty one.
        name: What a new project is called.
        encoder: The encoder's name as the user gave it; that of the project, or `tiny`, if `None`.
        load: `load_encoder`.

    Raises:
        DataError: Another process holds it, the folder has other files, or it is damaged.
        IncompatibleArtifact: It was made with another encoder.
    """
    owner = f"the project {folder}"
    with write_errors(owner, instead=INSTEAD):
        folder.mkdir(parents=True, exist_ok=True)
    require_own_or_empty(
        folder,
        (PROJECT_FILE, LOCK_FILE),
        "project",
        instead="name a new folder for the project, and drop your pictures on its page",
    )
    lock = hold_lock(
        folder / LOCK_FILE, owner, instead="use the page that the other run has told the address of"
    )
    with lock:
        facts, loaded = _facts_and_encoder(folder, name, encoder, load)
        incoming = folder / INCOMING_FOLDER
        with write_errors(owner, instead=INSTEAD):
            shutil.rmtree(incoming, ignore_errors=True)  # of a request that a kill has cut off
            incoming.mkdir()
            (folder / FEATURES_FOLDER).mkdir(exist_ok=True)
            pictures = PictureFolder(folder)
        features = _features(folder / FEATURES_FOLDER, loaded)
        with History(folder / HISTORY_FILE).appending() as history:
            pictures.sweep(history.pictures)
            yield Project(folder, facts, loaded, history, pictures, features, incoming)
        features.flush()


def _facts_and_encoder(
    folder: Path, name: str, encoder: str | None, load: Callable[..., ImageEncoder]
) -> tuple[ProjectFacts, ImageEncoder]:
    if not (folder / PROJECT_FILE).exists():
        facts = ProjectFacts(name, encoder or "tiny")
        loaded = load(facts.encoder)
        values = {"schema": SCHEMA, "name": facts.name, "encoder": facts.encoder}
        with write_errors(f"the project {folder}", instead=INSTEAD):
            write_document(folder / PROJECT_FILE, values)
        return facts, loaded
    facts = read_facts(folder)
    if encoder is not None:
        return facts, load(encoder)
    return facts, load(facts.encoder, remembered_by=f"the project {folder}")


def _features(folder: Path, encoder: ImageEncoder) -> Journal:
    """The features that are kept, in one file or few."""
    recipe = Recipe(
        encoder.name,
        encoder.fingerprint,
        encoder.precision,
        encoder.logit_scale,
        1,
        0,
        encoder.zoom,
        dict(encoder.look_blocks),
    )
    journal = Journal(folder, recipe, {})
    if sum(1 for _ in folder.glob("*/block-*")) <= MOST_BLOCKS:
        return journal
    together = {sha256: np.array(rows) for sha256, rows in journal.features.items()}
    journal.remove()  # a kill before the end costs an encoding, and nothing that was shown as saved
    journal = Journal(folder, recipe, {})
    journal.add(together)
    journal.flush()
    return journal
