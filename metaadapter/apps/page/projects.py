"""The projects in a folder, one of which is open at a time."""

from __future__ import annotations

import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NoReturn, final

from metaadapter.apps.page.history import (
    DamagedHistory,
    read_contents,
    repair,
    require_closed,
)
from metaadapter.apps.page.project import open_project, read_facts, write_facts
from metaadapter.apps.page.project_folders import (
    DELETED_FOLDER,
    HISTORY_FILE,
    free_place,
    projects_in,
)
from metaadapter.apps.page.refusal import Refusal, as_sentence
from metaadapter.apps.page.session import Session
from metaadapter.errors import MetaAdapterError
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.files.machine_errors import machine_error
from metaadapter.files.output_folder import require_no_link, sync_folder, write_errors
from metaadapter.files.plain_text import one_line

NOT_PLAIN = re.compile(r"[^a-z0-9]+")
MAX_FOLDER_NAME = 40


def _raise(error: MetaAdapterError) -> NoReturn:
    raise error


@final
class Projects:
    """The open project, and the others in its parent folder, which can be opened instead.

    `encoder` is for the first project; `None` means the project's own. `load` is `load_encoder`.
    `note` is called with the folder of each project that is opened. If the first project cannot be
    opened, `fail` is called with the error: it may raise it; otherwise requests are refused with
    its reason until that project or another is opened.
    """

    def __init__(
        self,
        folder: Path,
        encoder: str | None,
        load: Callable[..., ImageEncoder],
        note: Callable[[Path], object] = lambda _: None,
        fail: Callable[[MetaAdapterError], object] = _raise,
    ) -> None:
        self._folder = folder.absolute()
        self._encoder, self._load, self._note, self._fail = encoder, load, note, fail
        self._loaded: dict[str, ImageEncoder] = {}
        self._open = ExitStack()
        self._switching = threading.Lock()
        self._session: Session | None = None
        self.failure: MetaAdapterError | None = None
        """Why the first project is not open, if no other one is."""
        # Larger than every revision that a tab has seen from a server before this one.
        self._revision = time.time_ns() // 10**6
        self.doing = "Starting metaadapter …"
        """A sentence on what keeps the open project from being ready."""

    @contextmanager
    def opened(self, *, waits: bool = True) -> Iterator[Projects]:
        """Open the first project; at the end of the block, close the project that is open then.

        Unless it `waits`, another thread opens the project during the block.
        """
        opening = threading.Thread(target=self._start_first, name="opening")
        try:
            if waits:
                self._start_first()
            else:
                opening.start()
            yield self
        finally:
            if not waits:
                opening.join()
            self._open.close()

    @property
    def is_opening(self) -> bool:
        """Whether a project is being opened."""
        return self._session is None and self.failure is None

    @property
    def session(self) -> Session:
        """The session of the open project; a `Refusal` while there is none."""
        session, failure = self._session, self.failure
        if session is not None:
            return session
        if failure is not None:
            repairs = isinstance(failure, DamagedHistory)
            raise Refusal(503, "not-opened", as_sentence(failure), repairs=repairs)
        raise Refusal(503, "opening", self.doing)

    @property
    def current(self) -> str:
        """The name of the folder of the open project; "" if none could be opened."""
        return "" if self.failure is not None else self.session.project.folder.name

    def listed(self) -> list[dict[str, object]]:
        """The projects in the order of their names; a project that cannot be read is left out."""
        projects: list[tuple[str, dict[str, object]]] = []
        session = None if self.failure is not None else self.session
        for folder in projects_in(self._folder.parent):
            if session is None and folder == self._folder:
                continue
            with suppress(MetaAdapterError):
                if session is not None and folder == session.project.folder:
                    contents = session.project.history.contents
                else:
                    contents = read_contents(folder / HISTORY_FILE)
                name = read_facts(folder).name
                sizes = {"n_pictures": len(contents.pictures), "n_classes": len(contents.classes)}
                projects.append((name, {"folder": folder.name, "name": name, **sizes}))
        return [values for _, values in sorted(projects, key=lambda one: one[0].casefold())]

    def open(self, name: str) -> None:
        """Close the open project and open another; if that fails, open the former one again."""
        self._switch(self._folder_of(name), name)

    def make(self, name: str) -> None:
        """Close the open project and make a new one; if that fails, open the former one again."""
        plain = NOT_PLAIN.sub("-", name.lower()).strip("-")[:MAX_FOLDER_NAME]
        folder = self._folder.parent / (plain or "project")
        if folder.exists():
            folder = folder.with_name(f"{folder.name}-{secrets.token_hex(3)}")
        self._switch(folder, name)

    def open_again(self, *, repairs: bool) -> None:
        """Try once more to open the first project, which could not be opened.

        If it `repairs`, a damaged history is replaced before by the edits that can be saved.
        """
        with self._switching:
            if self.failure is None:
                return
            notes = []
            if repairs and isinstance(self.failure, DamagedHistory):
                notes.append(repair(self._folder / HISTORY_FILE))
            self._start_first(notes)

    def rename(self, name: str) -> None:
        """Rename the open project; its folder keeps its name."""
        with self._switching:
            project = self.session.project
            facts = replace(project.facts, name=name)
            self.session.project = replace(project, facts=write_facts(project.folder, facts))

    def delete(self, name: str) -> Path:
        """Move a project into the folder of deleted projects; return its place there."""
        with self._switching:
            folder = self._folder_of(name)
            if folder == self.session.project.folder:
                sentence = "This project is open. Open another one, then delete it."
                raise Refusal(409, "project-open", sentence)
            require_closed(folder / HISTORY_FILE)
            trash = folder.parent / DELETED_FOLDER
            require_no_link(trash)
            with write_errors(f"the project {folder}", instead="move its folder away yourself"):
                trash.mkdir(exist_ok=True)
                place = free_place(trash / folder.name)
                folder.rename(place)
                sync_folder(trash)
            return place

    def _folder_of(self, name: str) -> Path:
        """The folder of a project beside the others, given by its own name."""
        for folder in projects_in(self._folder.parent):
            if folder.name == name:
                return folder
        raise Refusal(404, "no-such-project", f"There is no project {name!r}.", name=name)

    def _load_once(self, name: str, **options: object) -> ImageEncoder:
        if name not in self._loaded:
            self.doing = f"Loading the encoder {name} …"
            self._loaded[name] = self._load(name, **options)
        self.doing = "Reading what the project has …"
        return self._loaded[name]

    def _switch(self, folder: Path, name: str) -> None:
        with self._switching:
            failure = self.failure
            before = None if failure is not None else self.session.project
            if before is not None:
                if folder == before.folder:
                    return
                self._revision = self.session.revision + 1
            self._session = self.failure = None
            try:
                self._open.close()
                self._start(folder, name, None)
            except BaseException:
                self.failure = failure
                if before is not None:
                    self._start(before.folder, before.facts.name, before.facts.encoder)
                raise

    def _start_first(self, notes: Sequence[str] = ()) -> None:
        """Open the first project; if that fails, keep the error, and call `fail`."""
        self.failure = None
        try:
            self._start(self._folder, self._folder.name, self._encoder, notes)
        except Exception as error:
            known = error if isinstance(error, MetaAdapterError) else machine_error(error)
            if known is None:
                logging.getLogger(__name__).error("the project cannot be opened", exc_info=error)
                known = MetaAdapterError(f"unexpected {type(error).__name__}: {error}")
            self.failure = known
            self._fail(known)

    def _start(
        self, folder: Path, name: str, encoder: str | None, notes: Sequence[str] = ()
    ) -> None:
        self.doing = f"Opening the project {one_line(name)} …"
        with ExitStack() as stack:
            project = stack.enter_context(
                open_project(folder, name, encoder, self._load_once, notes)
            )
            session = stack.enter_context(Session(project, self._revision))
            self._open = stack.pop_all()
        self._note(folder)
        self._session = session
