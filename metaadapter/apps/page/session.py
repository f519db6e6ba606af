"""The running state of an open project: edits are saved, pictures encoded, predictions renewed.

Two workers run in the background: one encodes pictures, the other predicts the adapter and applies
it. Each is a thread that does its work once for each revision of the project. Requests wait for
them only if they ask to.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar, final

from metaadapter.apps.advice.kinds import Advice
from metaadapter.apps.export.kept_page import KeptPage
from metaadapter.apps.page.answers import Results, updated, updated_with_pool
from metaadapter.apps.page.contents import Contents
from metaadapter.apps.page.entries import CropEntry
from metaadapter.apps.page.hints import advice_on
from metaadapter.apps.page.history import History
from metaadapter.apps.page.picture_folder import CROP_QUALITY, jpeg_bytes
from metaadapter.apps.page.project import Project
from metaadapter.apps.page.refusal import Refusal, as_sentence
from metaadapter.apps.page.routes.forms import Reply
from metaadapter.apps.page.snapshot import PictureEncoding, Row, Snapshot, remembering_texts
from metaadapter.data.decode import decode_image
from metaadapter.data.inputs import UnreadableImage
from metaadapter.errors import DataError, MetaAdapterError
from metaadapter.files.machine_errors import machine_error

# The longest time that a request waits for the results of the latest edit.
MAX_WAIT_SECONDS = 60.0

Value = TypeVar("Value")


@final
class Session:
    """One open project, its workers, and the lock that protects its changes.

    `with` loads the encoder, and starts and ends the workers; edits and pictures need neither.
    `revision` grows with every edit, and whenever new results
    are possible: when pictures were encoded, or an adapter was predicted with the tray as its pool.
    The first revision must be larger than any revision that a client may have seen.
    """

    def __init__(self, project: Project, revision: int = 0) -> None:
        self.project = project
        self.revision = revision
        self.results = Results(revision - 1)
        self.unreadable: dict[str, str] = {}
        self.page = KeptPage()
        self._state = threading.Condition()
        self._encoded: dict[str, Row] = {}
        """The features of the pictures whose files this process has checked."""
        self._left: list[str] | None = None
        """The pictures to encode; `None` after a change."""
        self._advice: tuple[object, list[Advice[str]] | None] = None, None
        self._ending = False
        self._error: Refusal | None = None
        self._started, self._n_done = 0.0, 0
        self._workers: dict[Callable[[], None], ThreadPoolExecutor] = {}

    def __enter__(self) -> Session:
        try:
            self._encoder = remembering_texts(self.project.encoder)
            self._encoding = PictureEncoding(self.project)
        except BaseException:
            self.__exit__()  # no edit may follow
            raise
        notes = " ".join(f"{note[:1].upper()}{note[1:]}." for note in self.project.notes)
        with self._state:
            self._error = Refusal(422, "data", notes) if notes else None
            for work in (self._encode, self._predict):
                self._workers[work] = ThreadPoolExecutor(1, work.__name__)
            self._wake()
        return self

    def __exit__(self, *_: object) -> None:
        with self._state:
            self._ending = True
            self._state.notify_all()
        for thread in self._workers.values():
            thread.shutdown()

    def read(self, reader: Callable[[Contents], Value]) -> Value:
        """Call a function with the contents while nothing changes them."""
        with self._state:
            return reader(self.project.history.contents)

    def change(self, action: Callable[[History], Value], key: str = "") -> tuple[int, Value | None]:
        """Call an action that edits, undoes or redoes; return the new revision and its result.

        `None` is the result of an action with a key that the history knows: it was done before.
        """
        with self._state:
            if key and key in self.project.history.contents.keys:
                return self.revision, None
            if self._ending:
                raise Refusal(503, "closed", "The project was closed. Load the page again.")
            try:
                result = action(self.project.history)
            except DataError as error:  # the request is valid and may be sent again
                raise Refusal(503, "not-saved", as_sentence(error)) from error
            self._error = None
            return self._new_revision(), result

    def wait_for_results(self) -> Results:
        """Wait until all pictures are encoded and predicted; return the results after all edits."""
        with self._state:
            if not self._state.wait_for(self._is_up_to_date, MAX_WAIT_SECONDS):
                if n_left := len(self._waiting()):
                    sentence = f"{n_left} pictures are not encoded yet. Try again when they are."
                    raise Refusal(503, "not-encoded", sentence, n=n_left)
                sentence = "The predictions are not ready yet. Try again in a moment."
                raise Refusal(503, "not-predicted", sentence)
            results = self.results
        if results.stored is None:
            raise Refusal(
                409, "no-adapter", "There is no classifier yet: give two classes a picture each."
            )
        return results

    def _is_up_to_date(self) -> bool:
        is_encoded = not self._waiting()
        return self._ending or (is_encoded and self.results.revision >= self.revision)

    def picture(self, picture: str) -> bytes:
        """The content of a picture; if it cannot be read, the predictions leave it out."""
        try:
            image = self.project.pictures.image(picture, self._crop(picture))
            if isinstance(image, bytes):
                return image
            return jpeg_bytes(decode_image(image), CROP_QUALITY)
        except UnreadableImage:
            with self._state:
                if self._encoded.pop(picture, None) is not None:
                    self._new_revision()
            raise

    def thumbnail(self, picture: str) -> bytes:
        """The thumbnail of a picture, a JPEG file."""
        return self.project.pictures.thumbnail(picture, self._crop(picture))

    def _crop(self, picture: str) -> CropEntry | None:
        entry = self.read(lambda contents: contents.pictures.get(picture))
        return None if entry is None else entry.crop

    def check_again(self, pictures: Iterable[str]) -> None:
        """Read pictures anew whose files were added again, and the boxes in them."""
        with self._state:
            self._left = None
            for picture, crops in self.project.history.contents.crops_of(pictures).items():
                for key in (picture, *crops):
                    self.unreadable.pop(key, None)

    def snapshot(self) -> Snapshot:
        """A copy of the classes and of the encoded pictures."""
        with self._state:
            return Snapshot.of(self.revision, self.project.history.contents, self._encoded)

    def advice(self) -> list[Advice[str]] | None:
        """Advice on the labelled pictures, computed once for the same pictures and labels."""
        settled, results, last = self.read(lambda one: {*one.settled}), self.results, self._advice
        key = results.task and results.task.key, settled
        if last[0] != key:
            # One value, so that another thread never sees half of it.
            self._advice = last = key, advice_on(results, settled)
        return last[1]

    def work(self) -> Reply:
        """The work in the background and the time that is left for it."""
        with self._state:
            n_left, error = len(self._waiting()), self._error
            done = self._n_done if n_left else 0
            seconds = time.monotonic() - self._started if done else None
            return {
                "revision": self.revision,
                "busy": n_left > 0,
                "done": done,
                "total": done + n_left,
                "per_second": seconds and done / seconds,
                "seconds_left": seconds and n_left * seconds / done,
                "error": None if error is None else str(error),
                "kind": None if error is None else error.kind,
                "values": error.values if error else {},
            }

    def _new_revision(self) -> int:
        self.revision += 1
        self._left = None
        self._wake()
        return self.revision

    def _wake(self) -> None:
        self._state.notify_all()
        if not self._ending:
            for work, thread in self._workers.items():
                thread.submit(self._do, work)

    def _waiting(self) -> list[str]:
        """The pictures to encode, the labelled ones first, since all predictions depend on them."""
        if self._left is None:
            entries = self.project.history.contents.pictures
            new = [
                picture
                for picture, entry in entries.items()
                if picture not in self._encoded
                and picture not in self.unreadable
                and not entry.is_frame
            ]
            self._left = sorted(new, key=lambda key: (not entries[key].labels, entries[key].place))
        return self._left

    def _do(self, work: Callable[[], None]) -> None:
        """Do the work of a worker, and tell of an error; it goes on at the next revision."""
        try:
            work()
        except Exception as error:
            known = error if isinstance(error, MetaAdapterError) else machine_error(error)
            if known is None:
                logging.getLogger(__name__).error("the work of the page failed", exc_info=error)
                sentence = f"Unexpected {type(error).__name__}: {error}"
            else:
                sentence = as_sentence(known)
            with self._state:
                self._error = Refusal(500, "machine" if known else "unexpected", sentence)

    def _encode(self) -> None:
        """Encode a portion of the pictures; the new revision wakes the worker for the next one.

        Features that a full disk does not take stay in memory until the next commit.
        """
        self._encode_portion()
        with self._state:
            is_last = not self._waiting()
        if is_last or self.project.features.is_due:
            self.project.features.commit()

    def _encode_portion(self) -> None:
        with self._state:
            if self._ending or not (waiting := self._waiting()):
                return
            entries = self.project.history.contents.pictures
            crops = {picture: entries[picture].crop for picture in self._encoding.portion(waiting)}
            if not self._n_done:
                self._started = time.monotonic()
        encoded, reasons = self._encoding.encode(crops)
        with self._state:
            self._encoded |= encoded
            self.unreadable |= reasons
            if reasons:
                entries = self.project.history.contents.pictures
                self._error = _left_out(len(entries.keys() & self.unreadable))
            self._new_revision()
            self._n_done = self._n_done + len(crops) if self._waiting() else 0

    def _predict(self) -> None:
        """Renew the results if the project has a newer revision."""
        with self._state:
            if self._ending or self.results.revision >= self.revision:
                return
            snapshot = self.snapshot()
        self._publish(updated(self.results, snapshot, self._encoder))
        with self._state:
            if self.revision != snapshot.revision or self._waiting():
                return
        better = updated_with_pool(self.results, snapshot, self._encoder)
        if better is not None:
            with self._state:
                if self.revision == snapshot.revision:  # nothing has changed in the meantime
                    self._publish(replace(better, revision=self._new_revision()))

    def _publish(self, results: Results) -> None:
        with self._state:
            self.results = results
            self._state.notify_all()


def _left_out(n: int) -> Refusal:
    which = "1 picture is" if n == 1 else f"{n} pictures are"
    sentence = (
        f"{which} missing or damaged, and left out of the predictions. Add the same files again, "
        "or remove those that the filter Damaged shows."
    )
    return Refusal(422, "left-out", sentence, n=n)
