"""The history of a project on disk: one line an edit, in a file that only grows.

A line is on disk before its edit counts, so what was shown as saved outlasts a kill at any moment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from metaadapter.apps.page.contents import Change, Contents, Edit
from metaadapter.data.atomic_files import replace_file
from metaadapter.data.own_folder import open_after, write_errors
from metaadapter.data.proof import sealed, unsealed
from metaadapter.data.regular_files import regular
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.errors import DataError

HISTORY_FILE = "history.jsonl"
# A longer history is shortened when the project is opened; so many edits can still be undone then.
MOST_BYTES, KEPT_EDITS = 2**24, 200


def read_contents(path: Path) -> Contents:
    """What a history has led to, of a project that another process may have open.

    Raises:
        DataError: It cannot be read, or a line is damaged.
    """
    return _read(path)[0]


class History:
    """The contents of a project, and the file that its edits are appended to.

    Attributes:
        contents: What the project holds now.
        saved: Whether the latest edit could be written.
    """

    def __init__(self, path: Path) -> None:
        """Read a history, or begin one; a line that a kill has cut off never counted.

        Raises:
            DataError: It cannot be read, or a line is damaged.
        """
        self.saved = True
        self._path = path
        self.contents, self._size = _read(path)
        if self._size > MOST_BYTES:
            self._shorten()

    @contextmanager
    def appending(self) -> Iterator[History]:
        """Open for edits."""
        with open_after(self._path, self._size) as self._file:
            yield self

    def make(self, said: str, changes: tuple[Change, ...]) -> None:
        """Make an edit, for good; without a change nothing is written.

        Raises:
            DataError: It cannot be written, and was not made.
        """
        if changes:
            self._append({"edit": Edit(said=said, changes=changes).model_dump(mode="json")})

    def undo(self) -> str:
        """Take the latest edit back, for good; what it said."""
        said = self.contents.done[-1].said
        self._append({"undo": True})
        return said

    def redo(self) -> str:
        """Make the edit again that was undone last, for good; what it said."""
        said = self.contents.undone[-1].said
        self._append({"redo": True})
        return said

    @property
    def pictures(self) -> set[str]:
        """Every picture that is there now, or that an undo or redo could bring back."""
        edits = (*self.contents.done, *self.contents.undone)
        return set(self.contents.pictures).union(
            change.id for edit in edits for change in edit.changes if change.kind == "picture"
        )

    def _append(self, values: dict[str, Any]) -> None:
        self.saved = False
        _write(self._file, values, self._path, self._size)
        self._size = os.fstat(self._file.fileno()).st_size
        self.saved = True
        _apply(self.contents, values)

    def _shorten(self) -> None:
        """Write the history anew, its older edits as one that cannot be undone."""
        contents = self.contents
        later = contents.done[-KEPT_EDITS:]
        undone = contents.undone[-KEPT_EDITS:]
        start = Contents(dict(contents.classes), dict(contents.pictures), list(later), [])
        for _ in later:
            start.undo()
        begin = Edit(
            said="",
            changes=(
                *(
                    Change(kind="class", id=k, before=None, after=v)
                    for k, v in start.classes.items()
                ),
                *(
                    Change(kind="picture", id=k, before=None, after=v)
                    for k, v in start.pictures.items()
                ),
            ),
        )
        edits = (*later, *reversed(undone))
        lines: list[dict[str, Any]] = [
            {"begin": begin.model_dump(mode="json")},
            *({"edit": edit.model_dump(mode="json")} for edit in edits),
            *({"undo": True} for _ in undone),
        ]
        content = b"".join(map(_line, lines))
        with write_errors(f"the project {self._path.parent}", instead="choose another project"):
            replace_file(self._path, content)
        self._size = len(content)
        contents.done, contents.undone = list(later), list(undone)


def _read(path: Path) -> tuple[Contents, int]:
    """The contents, and the size of all whole lines."""
    contents = Contents()
    try:
        content = regular(path).read_bytes()
    except FileNotFoundError:
        return contents, 0
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror}; correct its permissions, or restore the "
            "project from a copy"
        ) from error
    *lines, cut_off = content.split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            _apply(contents, unsealed(parse_json(line))[0])
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"line {number} of {path} is damaged ({_told(error)}); restore the project from a "
                "copy, or remove that line and those after it, which takes back later edits"
            ) from error
    return contents, len(content) - len(cut_off)


def _apply(contents: Contents, values: dict[str, Any]) -> None:
    if "edit" in values:
        contents.make(Edit.model_validate(values["edit"]))
    elif "undo" in values:
        contents.undo()
    elif "redo" in values:
        contents.redo()
    else:  # how a shortened history begins
        contents.make(Edit.model_validate(values["begin"]))
        contents.done.clear()


def _line(values: dict[str, Any]) -> bytes:
    return json_text(sealed(values)).encode() + b"\n"


def _write(file: IO[bytes], values: dict[str, Any], path: Path, begun: int) -> None:
    """Append a line after the first `begun` bytes, for good or not at all."""
    rest = _line(values)
    with write_errors(
        f"the project {path.parent}", "This edit was not made.", instead="choose another project"
    ):
        try:
            os.truncate(path, begun)  # a part of a line, left by a failing drive, would stay else
            while rest:  # past the buffer, which would keep what a full disk did not take
                rest = rest[os.write(file.fileno(), rest) :]
            os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):  # then the next edit tries it
                os.truncate(path, begun)
            raise


def _told(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(each["msg"] for each in error.errors()[:2])
    return str(error) or type(error).__name__
