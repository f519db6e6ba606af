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

from metaadapter.apps.page.history import DamagedHistory, read_contents, repair
from metaadapter.apps.page.project import Project, open_project, read_facts, write_facts
from metaadapter.apps.page.project_folders import HISTORY_FILE, projects_in
from metaadapter.apps.page.refusal import Refusal, as_sentence
from metaadapter.apps.page.session import Session
from metaadapter.errors import MetaAdapterError
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.files.machine_errors import machine_error
from metaadapter.files.plain_text import one_line

NOT_PLAIN = re.compile(r"[^a-z0-9]+")
MAX_FOLDER_NAME = 40


def _raise(error: MetaAdapterError) -> NoReturn:
    raise error


@final
class Projects:
    """The open project, and the others in its parent folder, which can be opened instead.

    `encoder` is for the first project; `None` means the project's own. `load` is `load_encoder`.
    `note` is called with the folder of each project that is opened. If a project cannot be opened,
    `fail` is called with the error: it may raise it; otherwise requests are refused with its reason
    until that project or another is opened.
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
        """The folder of the project that is open, or was to be opened last."""
        self._name, self._encoder = self._folder.name, encoder
        self._load, self._note, self._fail = load, note, fail
        self._loaded: dict[str, ImageEncoder] = {}
        self._open = ExitStack()
        self._switching = threading.RLock()
        self._session: Session | None = None
        self.failure: MetaAdapterError | None = None
        """Why the project is not open."""
        self.has_others = False
        """Whether there were other projects in the folder when this one was opened."""
        # Larger than every revision that a tab has seen from a server before this one.
        self._revision = time.time_ns() // 10**6
        self.doing = "Starting metaadapter …"
        """A sentence on what keeps the open project from being ready."""

    @contextmanager
    def opened(self, *, waits: bool = True) -> Iterator[Projects]:
        """Open the first project; at the end of the block, close the project that is open then.

        Unless it `waits`, another thread opens the project during the block.
        """
        opening = threading.Thread(target=self._start, name="opening")
        try:
            if waits:
                self._start()
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
                if session is not None and folder == self._folder:
                    contents = session.project.history.contents
                else:
                    contents = read_contents(folder / HISTORY_FILE)
                name = read_facts(folder).name
                sizes = {"n_pictures": len(contents.pictures), "n_classes": len(contents.classes)}
                projects.append((name, {"folder": folder.name, "name": name, **sizes}))
        return [values for _, values in sorted(projects, key=lambda one: one[0].casefold())]

    def open(self, name: str) -> None:
        """Close the open project and open another, given by the name of its folder."""
        self._switch(self._beside(name), name)

    @contextmanager
    def other(self, name: str) -> Iterator[Project]:
        """Open another project beside the open one, without its encoder.

        No project is closed or opened during the block.
        """
        with (
            self._switching,
            open_project(self._beside(name), name, None, self._load_once) as project,
        ):
            yield project

    def make(self, name: str) -> None:
        """Close the open project and make a new one."""
        plain = NOT_PLAIN.sub("-", name.lower()).strip("-")[:MAX_FOLDER_NAME]
        folder = self._folder.with_name(plain or "project")
        if folder.exists():
            folder = folder.with_name(f"{folder.name}-{secrets.token_hex(3)}")
        self._switch(folder, name)

    def open_again(self, *, repairs: bool) -> None:
        """Try once more to open the project that could not be opened.

        If it `repairs`, a damaged history is replaced before by the edits that can be saved.
        """
        with self._switching:
            if self.failure is None:
                return
            notes = []
            if repairs and isinstance(self.failure, DamagedHistory):
                notes.append(repair(self._folder / HISTORY_FILE))
            self._start(notes)

    def rename(self, name: str) -> None:
        """Rename the open project; its folder keeps its name."""
        with self._switching:
            project = self.session.project
            facts = replace(project.facts, name=name)
            self.session.project = replace(project, facts=write_facts(project.folder, facts))

    def _beside(self, name: str) -> Path:
        if name not in {folder.name for folder in projects_in(self._folder.parent)}:
            raise Refusal(404, "no-such-project", f"There is no project {name!r}.", name=name)
        return self._folder.with_name(name)

    def _load_once(self, name: str, **options: object) -> ImageEncoder:
        if name not in self._loaded:
            self.doing = f"Loading the encoder {name} …"
            self._loaded[name] = self._load(name, **options)
        self.doing = "Reading what the project has …"
        return self._loaded[name]

    def _switch(self, folder: Path, name: str) -> None:
        with self._switching:
            if self._session is not None and folder == self._folder:
                return
            self._folder, self._name, self._encoder = folder, name, None
            self._start()

    def _start(self, notes: Sequence[str] = ()) -> None:
        """Close the open project, and open that of the folder; if that fails, keep the error.

        The project can be edited while its encoder is loaded.
        """
        self.doing = f"Opening the project {one_line(self._name)} …"
        self._end_session()
        self.failure = None
        try:
            self._open.close()
            with ExitStack() as stack:
                project = stack.enter_context(
                    open_project(self._folder, self._name, self._encoder, self._load_once, notes)
                )
                self.has_others = len(projects_in(self._folder.parent)) > 1
                self._session = Session(project, self._revision)
                stack.enter_context(self._session)
                self._open = stack.pop_all()
            self._note(self._folder)
        except Exception as error:
            known = error if isinstance(error, MetaAdapterError) else machine_error(error)
            if known is None:
                logging.getLogger(__name__).error("the project cannot be opened", exc_info=error)
                known = MetaAdapterError(f"unexpected {type(error).__name__}: {error}")
            self.failure = known
            self._end_session()
            self._fail(known)

    def _end_session(self) -> None:
        if self._session is not None:
            self._revision = self._session.revision + 1
        self._session = None
