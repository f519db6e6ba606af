"""An open project at work: edits are kept, pictures encoded, and answers computed anew after each.

Two threads work behind the requests, which never wait for them: one encodes pictures, the other
predicts the adapter and answers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TypeVar, final

import numpy as np

from metaadapter.apps.page.advice import PlacedAdvice, advice_on
from metaadapter.apps.page.answers import LabelledTask, remembering_texts
from metaadapter.apps.page.contents import Change, Contents
from metaadapter.apps.page.encoded_rows import EncodedRows
from metaadapter.apps.page.project import Project
from metaadapter.apps.page.published import Published, Snapshot, answered, answered_with_tray
from metaadapter.apps.page.refusal import Refusal, told_as_unsaved
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.refusals import refusal
from metaadapter.errors import MetaAdapterError
from metaadapter.features.encoding_loop import encode_new

# So many pictures are encoded between two looks at what is asked for next.
PICTURES_AT_ONCE = 8
# How long a request waits for answers to what was changed last.
LONGEST_WAIT = 60.0

Seen = TypeVar("Seen")


@dataclass(frozen=True, slots=True)
class Work:
    """What is being done behind the page."""

    revision: int
    busy: bool
    what: str
    done: int
    total: int
    seconds_left: float | None
    error: str | None


@final
class Desk:
    """One project, its threads, and the lock that everything that changes it takes.

    `revision` grows with every edit and whenever new answers are possible: when pictures were
    encoded or an adapter has learned from unlabelled ones.
    """

    def __init__(self, project: Project, revision: int = 0) -> None:
        """Take a project up where it was left; `with` starts the threads and ends them.

        Args:
            project: The project.
            revision: The number to begin with, larger than any that a client may have seen.
        """
        self.project = project
        self.revision = revision
        self.published = Published(revision - 1)
        self.unreadable: dict[str, str] = {}
        self._encoder = remembering_texts(project.encoder)
        self._state = threading.Condition()
        self._encoded = EncodedRows()
        self._encoded.enter(dict(project.features.features))
        self._advised: tuple[LabelledTask | None, list[PlacedAdvice]] = None, []
        self._ending = self._stopped = False
        self._error: str | None = None
        self._begun, self._n_done = 0.0, 0
        self._threads = [
            threading.Thread(target=self._guarded, args=(each,), name=each.__name__, daemon=True)
            for each in (self._encode, self._answer)
        ]

    def __enter__(self) -> Desk:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        with self._state:
            self._ending = True
            self._state.notify_all()
        for thread in self._threads:
            thread.join()

    def look(self, at: Callable[[Contents], Seen]) -> Seen:
        """What a function sees in the contents while nothing changes them."""
        with self._state:
            return at(self.project.history.contents)

    def edit(self, said: str, changes: Callable[[Contents], tuple[Change, ...]]) -> int:
        """Make an edit, for good; the revision then."""
        with self._state:
            self._require_open()
            found = changes(self.project.history.contents)
            with told_as_unsaved():
                self.project.history.make(said, found)
            return self._changed()

    def undo(self) -> tuple[int, str]:
        """Take the latest edit back; the revision then, and what the edit said."""
        with self._state:
            self._require_open()
            if not self.project.history.contents.done:
                raise Refusal(409, "nothing-to-undo", "There is nothing to undo.")
            with told_as_unsaved():
                said = self.project.history.undo()
            return self._changed(), said

    def redo(self) -> tuple[int, str]:
        """Make the edit again that was undone last; the revision then, and what the edit said."""
        with self._state:
            self._require_open()
            if not self.project.history.contents.undone:
                raise Refusal(409, "nothing-to-redo", "There is nothing to make again.")
            with told_as_unsaved():
                said = self.project.history.redo()
            return self._changed(), said

    def answered(self) -> Published:
        """The answers to what was changed last, waited for, as is the encoding of all pictures.

        Raises:
            Refusal: There are none, because two classes with a picture each are needed; or they
                take longer than a request may wait.
        """
        with self._state:
            self._state.wait_for(self._is_answered, LONGEST_WAIT)
            if not self._is_answered() and not self._ending:
                n_left = len(self._waiting())
                raise Refusal(
                    503,
                    "busy",
                    f"{n_left} pictures are still to be encoded. Try again when they are done."
                    if n_left
                    else "The answers are not ready yet. Try again in a moment.",
                )
            found = self.published
        if found.stored is None:
            raise Refusal(
                409, "no-adapter", "There is no classifier yet: give two classes a picture each."
            )
        return found

    def _is_answered(self) -> bool:
        encoded = self._stopped or not self._waiting()
        return self._ending or (encoded and self.published.revision >= self.revision)

    def picture_files(self) -> list[Path]:
        """The files of the pictures that are encoded, labelled ones first."""
        with self._state:
            entries = self.project.history.contents.pictures
            there = [each for each in entries if each in self._encoded]
        there.sort(key=lambda each: entries[each].label is None)
        return [self.project.pictures.path(each) for each in there]

    def advice(self) -> list[PlacedAdvice]:
        """Advice on the labelled pictures, computed once for the same ones."""
        found = self.published
        task, advice = self._advised
        if task is not found.task:
            advice = advice_on(found)
            self._advised = found.task, advice
        return advice

    def work(self) -> Work:
        """What is being done, and how long it will take."""
        with self._state:
            n_left = 0 if self._stopped else len(self._waiting())
            done = self._n_done if n_left else 0
            seconds_left = None
            if n_left and done:
                seconds_left = n_left * (time.monotonic() - self._begun) / done
            return Work(
                self.revision,
                n_left > 0,
                "encoding pictures" if n_left else "",
                done,
                done + n_left,
                seconds_left,
                self._error,
            )

    def stop(self) -> None:
        """Stop encoding; it goes on with the next edit."""
        with self._state:
            self._stopped = True

    def _require_open(self) -> None:
        if self._ending:
            raise Refusal(503, "busy", "The project was closed. Load the page again.")

    def _changed(self) -> int:
        self._stopped, self._error = False, None
        return self._new_revision()

    def _new_revision(self) -> int:
        self.revision += 1
        self._state.notify_all()
        return self.revision

    def _waiting(self) -> list[str]:
        """The pictures to be encoded, those in classes first, for they change the most."""
        entries = self.project.history.contents.pictures
        new = [
            each for each in entries if each not in self._encoded and each not in self.unreadable
        ]
        return sorted(new, key=lambda each: (entries[each].label is None, entries[each].place))

    def _guarded(self, work: Callable[[], None]) -> None:
        """Work until the end; what goes wrong is told, and tried again after the next edit."""
        while not self._ending:
            try:
                work()
            except Exception as error:  # a thread that is gone would leave the page waiting
                known = error if isinstance(error, MetaAdapterError) else refusal(error)
                with self._state:
                    self._error = str(known or f"unexpected {type(error).__name__}: {error}")
                    at = self.revision
                    self._wait_for_more_than(at)

    def _wait_for_more_than(self, revision: int) -> None:
        self._state.wait_for(lambda: self.revision > revision or self._ending)

    def _encode(self) -> None:
        features = self.project.features
        while True:
            with self._state:
                self._state.wait_for(
                    lambda: self._ending or (not self._stopped and self._waiting())
                )
                if self._ending:
                    return
                some = self._waiting()[:PICTURES_AT_ONCE]
                if not self._n_done:
                    self._begun = time.monotonic()
            found: dict[str, np.ndarray] = {}
            outcomes, _, _ = encode_new(
                [self.project.pictures.path(each) for each in some],
                self.project.encoder,
                views=1,
                seed=0,
                batch_size=None,
                known=features.features,
                keep=found.update,
            )
            features.add(found)
            with self._state:
                self._encoded.enter(found)
                for each, outcome in zip(some, outcomes, strict=True):
                    if isinstance(outcome, UnreadableImage):
                        self.unreadable[each] = outcome.reason
                    elif each not in self._encoded:
                        self.unreadable[each] = "its file is not the one that was added"
                is_last = not self._waiting()
                self._n_done = 0 if is_last else self._n_done + len(some)
                self._new_revision()
            if is_last:
                features.flush()

    def _answer(self) -> None:
        while True:
            with self._state:
                self._state.wait_for(
                    lambda: self._ending or self.published.revision < self.revision
                )
                if self._ending:
                    return
                now = Snapshot.of(self.revision, self.project.history.contents, self._encoded)
            self._publish(answered(self.published, now, self._encoder))
            with self._state:
                if self.revision != now.revision or (self._waiting() and not self._stopped):
                    continue
            better = answered_with_tray(self.published, now, self._encoder)
            if better is not None:
                with self._state:
                    if self.revision == now.revision:  # nobody has changed anything meanwhile
                        self._new_revision()
                        self._publish(better, self.revision)

    def _publish(self, found: Published, revision: int | None = None) -> None:
        with self._state:
            self.published = found if revision is None else replace(found, revision=revision)
            self._state.notify_all()
