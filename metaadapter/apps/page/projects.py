"""The projects in a folder, one of which is open at a time."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, final

from metaadapter.apps.page.contents import Contents
from metaadapter.apps.page.desk import Desk
from metaadapter.apps.page.history import HISTORY_FILE, read_contents
from metaadapter.apps.page.project import PROJECT_FILE, open_project, read_facts
from metaadapter.apps.page.refusal import Refusal
from metaadapter.errors import DataError, MetaAdapterError
from metaadapter.features.image_encoder import ImageEncoder

DEFAULT_NAME = "My pictures"
FOLDER_NAME = "metaadapter projects"
NOT_PLAIN = re.compile(r"[^a-z0-9]+")
LONGEST_NAME = 40


class ListedProject(NamedTuple):
    """A project of the folder; names are unique in it."""

    name: str
    n_pictures: int
    n_classes: int


def default_project() -> Path:
    """The project that was used last of those in the user's projects folder, or a first one."""
    folder = Path.home() / FOLDER_NAME
    used = {path: _last_used(path) for path in _folders(folder)}
    return max(used, key=used.__getitem__, default=folder / DEFAULT_NAME)


@final
class Projects:
    """The open project, and those beside it that could take its place.

    Args:
        folder: Of the project to open first, or to make; others are looked for beside it.
        encoder: The encoder's name as the user gave it; `None` for that of each project.
        load: `load_encoder`.
    """

    def __init__(
        self, folder: Path, encoder: str | None, load: Callable[..., ImageEncoder]
    ) -> None:
        self._folder = folder.absolute()
        self._encoder, self._load = encoder, load
        self._loaded: dict[str, ImageEncoder] = {}
        self._open = ExitStack()
        self._switching = threading.Lock()
        self._desk: Desk | None = None
        self._n_revisions = 0

    @contextmanager
    def held(self) -> Iterator[Projects]:
        """Open the project, and close the one that is open in the end."""
        self._take(self._folder, self._folder.name, self._encoder)
        try:
            yield self
        finally:
            self._open.close()

    @property
    def desk(self) -> Desk:
        """The open project.

        Raises:
            Refusal: Another one is being opened right now.
        """
        desk = self._desk
        if desk is None:
            raise Refusal(503, "busy", "A project is being opened. Try again in a moment.")
        return desk

    def listed(self) -> list[ListedProject]:
        """The projects, by their names; one that cannot be read is left out."""
        found = []
        current = self.desk
        for folder, name in self._named().items():
            if folder == current.project.folder:
                found.append(current.look(partial(_listed, name)))
                continue
            try:
                found.append(_listed(name, read_contents(folder / HISTORY_FILE)))
            except MetaAdapterError:
                continue
        return sorted(found, key=lambda each: each.name.casefold())

    def open(self, name: str) -> None:
        """Close the open project and open the one of this name.

        Raises:
            Refusal: There is none of this name.
            MetaAdapterError: It cannot be opened; the one before stays open.
        """
        found = [folder for folder, each in self._named().items() if each == name]
        if not found:
            raise Refusal(404, "no-such-project", f"There is no project {name!r}.")
        self._switch(found[0], name)

    def make(self, name: str) -> None:
        """Close the open project and make a new one; errors are those of `open`."""
        if name in self._named().values():
            raise Refusal(409, "name-taken", f"There is a project {name!r} already.")
        folder = self._folder.parent / _plain(name)
        if folder.exists():
            folder = folder.with_name(f"{folder.name}-{secrets.token_hex(3)}")
        self._switch(folder, name)

    def encoder(self, name: str, **options: object) -> ImageEncoder:
        """Load an encoder once, for all projects that use it."""
        if name not in self._loaded:
            self._loaded[name] = self._load(name, **options)
        return self._loaded[name]

    def _switch(self, folder: Path, name: str) -> None:
        with self._switching:
            before, self._n_revisions = self.desk.project, self.desk.revision + 1
            if folder == before.folder:
                return
            self._desk = None
            try:
                self._open.close()
                self._take(folder, name, None)
            except BaseException:
                self._take(before.folder, before.facts.name, before.facts.encoder)
                raise

    def _take(self, folder: Path, name: str, encoder: str | None) -> None:
        with ExitStack() as stack:
            project = stack.enter_context(open_project(folder, name, encoder, self.encoder))
            desk = stack.enter_context(Desk(project, self._n_revisions))
            self._open = stack.pop_all()
        self._desk = desk

    def _named(self) -> dict[Path, str]:
        names: dict[Path, str] = {}
        for folder in _folders(self._folder.parent):
            try:
                names[folder] = read_facts(folder).name
            except MetaAdapterError:
                continue
        return names


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path.parent for path in folder.glob(f"*/{PROJECT_FILE}"))
    except OSError as error:
        raise DataError(f"cannot look into the folder {folder}: {error.strerror}") from error


def _listed(name: str, contents: Contents) -> ListedProject:
    return ListedProject(name, len(contents.pictures), len(contents.classes))


def _last_used(project: Path) -> float:
    history = project / HISTORY_FILE
    return history.stat().st_mtime if history.exists() else 0.0


def _plain(name: str) -> str:
    """A name for a folder, of small letters, digits and hyphens alone."""
    return NOT_PLAIN.sub("-", name.lower()).strip("-")[:LONGEST_NAME] or "project"
