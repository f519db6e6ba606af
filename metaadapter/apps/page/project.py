"""A project on disk: its pictures by their hashes, the history of edits, and the features."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from metaadapter.apps.page.history import HISTORY_FILE, INSTEAD, History
from metaadapter.apps.page.picture_folder import PictureFolder
from metaadapter.data.checksums import read_document, write_document
from metaadapter.data.output_folder import hold_lock, require_own_or_empty, write_errors
from metaadapter.errors import DataError
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Recipe
from metaadapter.features.store.encoding_checkpoint import EncodingCheckpoint

PROJECT_FILE, LOCK_FILE, SCHEMA = "project.json", ".lock", "metaadapter.project/1"
INCOMING_FOLDER, FEATURES_FOLDER = "incoming", "features"
REMEDY = "restore the project from a copy"
# Opening a project joins its files of features into one if there are more.
MAX_BLOCKS = 50


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """The facts of a project that never change: its name and its encoder's name."""

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
    features: EncodingCheckpoint
    """The features of each picture by its SHA-256."""
    incoming: Path
    """A folder on the same drive for uploads that have not been checked yet."""


def read_facts(folder: Path) -> ProjectFacts:
    """The name and the encoder of the project in a folder."""
    values, _ = read_document(folder / PROJECT_FILE, SCHEMA, REMEDY)
    try:
        return ProjectFacts(str(values["name"]), str(values["encoder"]))
    except KeyError as error:
        raise DataError(f"{folder / PROJECT_FILE} lacks {error}; {REMEDY}") from error


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
    require_own_or_empty(
        folder,
        (PROJECT_FILE, LOCK_FILE),
        "project",
        instead="name a new folder for the project, and drop your pictures on its page",
    )
    lock = hold_lock(
        folder / LOCK_FILE, owner, instead="use the page at the address that the other run printed"
    )
    with lock:
        if (folder / PROJECT_FILE).exists():
            facts = read_facts(folder)
            loaded = load(facts.encoder, remembered_by=owner) if encoder is None else load(encoder)
        else:
            facts = ProjectFacts(name, "tiny" if encoder is None else encoder)
            loaded = load(facts.encoder)
            values = {"schema": SCHEMA, "name": facts.name, "encoder": facts.encoder}
            with write_errors(owner, instead=INSTEAD):
                write_document(folder / PROJECT_FILE, values)
        incoming = folder / INCOMING_FOLDER
        with write_errors(owner, instead=INSTEAD):
            shutil.rmtree(incoming, ignore_errors=True)  # left by a request that a kill cut off
            incoming.mkdir()
            (folder / FEATURES_FOLDER).mkdir(exist_ok=True)
            pictures = PictureFolder(folder)
        features = _features(folder / FEATURES_FOLDER, loaded)
        history = History(folder / HISTORY_FILE)
        pictures.remove_others(history.pictures)
        yield Project(folder, facts, loaded, history, pictures, features, incoming)
        features.flush()


def _features(folder: Path, encoder: ImageEncoder) -> EncodingCheckpoint:
    """Open the stored features; join their files if there are more than `MAX_BLOCKS`."""
    recipe = Recipe.of(encoder)
    cache = EncodingCheckpoint(folder, recipe, {})
    if sum(1 for _ in folder.glob("*/block-*")) <= MAX_BLOCKS:
        return cache
    features = {sha256: np.array(rows) for sha256, rows in cache.features.items()}
    cache.remove()  # a kill before the end costs a new encoding, but nothing shown as saved
    cache = EncodingCheckpoint(folder, recipe, {})
    cache.add(features)
    cache.flush()
    return cache
