"""A project on disk: its pictures by their hashes, the history of edits, and the features."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from metaadapter.apps.page.contents import Contents
from metaadapter.apps.page.history import (
    COPIES_FOLDER,
    INSTEAD,
    History,
    read_contents,
)
from metaadapter.apps.page.picture_folder import (
    PICTURES_FOLDER,
    THUMBNAILS_FOLDER,
    PictureFolder,
    make_folder,
)
from metaadapter.apps.page.project_folders import (
    HISTORY_FILE,
    LEFTOVERS_FOLDER,
    PROJECT_FILE,
)
from metaadapter.data.inputs import UnreadableImage
from metaadapter.errors import DataError, MetaAdapterError
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Recipe
from metaadapter.features.store.kept_features import KeptFeatures
from metaadapter.files.checksums import read_document, write_document
from metaadapter.files.output_folder import require_no_link, require_own_or_empty, write_errors

SCHEMA = "metaadapter.project/1"
INCOMING_FOLDER, FEATURES_FOLDER = "incoming", "features"
TEMPORARY = "upload-"
"""The beginning of the names of temporary folders; the next start removes what a kill leaves."""
PARTS = (
    *(PROJECT_FILE, HISTORY_FILE, f"{HISTORY_FILE}-journal", COPIES_FOLDER, PICTURES_FOLDER),
    *(THUMBNAILS_FOLDER, INCOMING_FOLDER, FEATURES_FOLDER, LEFTOVERS_FOLDER),
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
    history: History
    pictures: PictureFolder
    load: Callable[[], tuple[ImageEncoder, KeptFeatures]]
    """Loads the encoder and the features the first time, which takes seconds."""
    notes: Sequence[str] = ()
    """Sentences on what was not as it should be when the project was opened or loaded."""

    @property
    def encoder(self) -> ImageEncoder:
        """The encoder of the pictures."""
        return self.load()[0]

    @property
    def features(self) -> KeptFeatures:
        """The features of each picture by its SHA-256."""
        return self.load()[1]


def read_facts(folder: Path) -> ProjectFacts:
    """The name and the encoder of the project in a folder."""
    path = folder / PROJECT_FILE
    values, _ = read_document(path, SCHEMA, RESTORE)
    try:
        return ProjectFacts(str(values["name"]), str(values["encoder"]))
    except KeyError as error:
        raise DataError(f"{path} lacks {error}; {RESTORE}") from error


def write_facts(folder: Path, facts: ProjectFacts) -> ProjectFacts:
    """Write the name and the encoder of a project."""
    values = {"schema": SCHEMA, "name": facts.name, "encoder": facts.encoder}
    with write_errors(f"the project {folder}", instead=INSTEAD):
        write_document(folder / PROJECT_FILE, values)
    return facts


@contextmanager
def open_project(
    folder: Path,
    name: str,
    encoder: str | None,
    load: Callable[..., ImageEncoder],
    notes: Sequence[str] = (),
) -> Iterator[Project]:
    """Open the project in a folder, or make one with this name, for the duration of the block.

    Without `encoder`, the project's own is used, or `tiny` for a new one. `load` is `load_encoder`;
    it is called at once only for a new project. The project has also the notes that are given.
    """
    owner, all_notes = f"the project {folder}", list[str]()

    def tell(note: str) -> None:
        all_notes.append(note)
        warnings.warn(note, stacklevel=4)

    for note in notes:
        tell(note)
    _require_project_or_empty(folder)
    # The folder of pictures is made after the other parts: without it, nothing was added yet.
    is_new = not (folder / PICTURES_FOLDER).exists()
    lacks_facts = not (folder / PROJECT_FILE).exists()
    with ExitStack() as stack:
        history = stack.enter_context(closing(History(folder / HISTORY_FILE, is_new=is_new)))
        facts = ProjectFacts(name, encoder or "tiny") if lacks_facts else read_facts(folder)
        options = {} if lacks_facts or encoder is not None else {"remembered_by": owner}

        @cache
        def load_parts() -> tuple[ImageEncoder, KeptFeatures]:
            loaded = load(encoder or facts.encoder, **options)
            features = _features(folder / FEATURES_FOLDER, loaded, owner, tell)
            stack.callback(features.close)
            return loaded, features

        if lacks_facts:
            load_parts()
            write_facts(folder, facts)
            if not is_new:
                tell(
                    f"{folder / PROJECT_FILE} was missing, and is written anew: the project has "
                    f"the name {facts.name} and the encoder {facts.encoder}"
                )
        incoming, pictures = folder / INCOMING_FOLDER, PictureFolder(folder)
        with write_errors(owner, instead=INSTEAD):
            make_folder(incoming)
            for left in incoming.glob(f"{TEMPORARY}*"):  # by a request that a kill cut off
                shutil.rmtree(left, ignore_errors=True)
            pictures.make()
        stack.enter_context(_temporary_files_in(incoming))
        yield Project(folder, facts, history, pictures, load_parts, all_notes)
        if load_parts.cache_info().currsize:
            load_parts()[1].commit()


def _require_project_or_empty(folder: Path) -> None:
    with write_errors(f"the project {folder}", instead=INSTEAD):
        folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        require_no_link(folder / part)
    require_own_or_empty(
        folder,
        (PROJECT_FILE, HISTORY_FILE),
        "project",
        instead="name a new folder for the project, and drop your pictures on its page",
    )


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Let large uploads wait on the project's drive: the system's own folder may be in memory."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _features(
    folder: Path, encoder: ImageEncoder, owner: str, tell: Callable[[str], object]
) -> KeptFeatures:
    """Open the stored features; damaged ones are encoded again, as a note tells."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        features = KeptFeatures(
            folder,
            Recipe.of(encoder),
            owner,
            to_continue="add a picture",
            instead="start `serve` with another folder",
        )
    for warning in caught:
        tell(str(warning.message))
    return features


def projects_below(folder: Path) -> list[Path]:
    """The folders that have the facts or the history of a project."""
    files = (PROJECT_FILE, HISTORY_FILE)
    return sorted({path.parent for name in files for path in folder.rglob(name)})


def check_project(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the history and each picture with its fault, "" if there is none."""
    contents, fault = Contents(), ""
    try:
        for part in PARTS:
            require_no_link(folder / part)
        read_facts(folder)
        contents = read_contents(folder / HISTORY_FILE)
    except MetaAdapterError as error:
        fault = str(error)
    yield folder / HISTORY_FILE, fault
    pictures = PictureFolder(folder)
    for picture in sorted(contents.kept_pictures):
        fault = ""
        try:
            pictures.read(picture)
        except UnreadableImage as error:
            fault = str(error)
        yield pictures.path(picture), fault
