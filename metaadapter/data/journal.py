"""A journal: a file that only grows, with one JSON record per line.

A record counts only once it is on disk. A killed process leaves at most an incomplete last line,
which readers ignore, unless only its line end is missing. Features are too large for lines:
`features.store.encoding_checkpoint` keeps them in files that are read through a memory map.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, final

from pydantic import ValidationError

from metaadapter.data.output_folder import replace_file, require_no_link
from metaadapter.data.regular_files import regular
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.errors import DataError

# The errors that arise when a value is not the expected record.
DAMAGE = (AttributeError, LookupError, RecursionError, TypeError, ValueError)


@final
class Journal:
    """A file of records that one process at a time appends to.

    `head`, the JSON value of the first line, names the owner of the records; None for no such line.
    The records of another owner are not read, and the next `append` replaces them.
    """

    def __init__(self, path: Path, head: Any = None) -> None:
        self.path = path
        self._head = b"" if head is None else _line(head)
        self.size = 0
        """The bytes of the head and of all records that were read or appended."""
        self._lacks_end = False
        """Whether the last record lacks its line end."""
        self._known: tuple[int, int, int] | None = None
        """The drive, number and size of the file as this process left it; None before that."""

    def read(self, enter: Callable[[Any], object], remedy: str | None = None) -> None:
        """Pass each record to `enter`, which raises one of `DAMAGE` if it gets anything else.

        A damaged line is a `DataError` that ends with the remedy. Without a remedy, reading stops
        before that line, and the next `append` replaces the rest.
        """
        try:
            with regular(self.path).open("rb") as file:
                content, self._known = file.read(), _identity(os.fstat(file.fileno()))
        except FileNotFoundError:
            return
        except OSError as error:
            raise DataError(
                f"cannot read {self.path}: {error.strerror}; correct its permissions, or restore "
                "it from a copy"
            ) from error
        if not content.startswith(self._head):
            return
        self.size = len(self._head)
        *lines, rest = content[self.size :].split(b"\n")
        for number, line in enumerate(lines, start=2 if self._head else 1):
            try:
                enter(parse_json(line))
            except DAMAGE as error:
                if remedy is None:
                    return
                raise DataError(
                    f"line {number} of {self.path} is damaged ({_reason(error)}); {remedy}"
                ) from error
            self.size += len(line) + 1
        if rest:
            with suppress(*DAMAGE):
                enter(parse_json(rest))
                self.size, self._lacks_end = self.size + len(rest), True

    def is_current(self) -> bool:
        """Return whether the file is still the one that this process read or wrote."""
        return self._known is None or self._known == self._now()

    def prepare(self) -> None:
        """Create the file, or cut it after the last whole record; errors of the disk show here.

        A `DataError` if another program has changed its size. An equal copy is written to.
        """
        require_no_link(self.path)
        now = self._now()
        if self._known is not None and (now is None or now[2] != self._known[2]):
            raise DataError(
                f"another program has changed, replaced or removed {self.path} since this one read "
                "it; nothing was written to it: run the command again, which reads the file again"
            )
        self.path.touch()
        self.cut(self.size)
        if self._lacks_end:
            with self.path.open("ab") as file:
                file.write(b"\n")
            self.size, self._lacks_end = self.size + 1, False
            self._known = self._now()

    def cut(self, size: int) -> None:
        """Cut off all bytes after the first `size`, also after an error: then at the next write."""
        self.size = size
        os.truncate(regular(self.path), min(size, self.path.stat().st_size))
        self._known = self._now()

    def append(self, record: Any) -> int:
        """Append a JSON value and return the size of the file before it.

        The value is on disk when this returns, and absent after an `OSError`.
        """
        line = _line(record) if self.size else self._head + _line(record)
        self.prepare()
        before = self.size
        with self.path.open("ab") as file:
            rest = line
            try:
                # Not through Python's buffer, which would keep the bytes that a full disk refused.
                while rest:
                    rest = rest[os.write(file.fileno(), rest) :]
                os.fsync(file.fileno())
            except OSError:
                with suppress(OSError):  # the next `append` tries again
                    os.truncate(self.path, self.size)
                raise
            finally:
                self._known = _identity(os.fstat(file.fileno()))
        self.size += len(line)
        return before

    def replace(self, records: Iterable[Any]) -> None:
        """Replace the whole journal by these records, in one step."""
        require_no_link(self.path)
        content = self._head + b"".join(map(_line, records))
        replace_file(self.path, content)
        self.size, self._lacks_end = len(content), False
        self._known = self._now()

    def _now(self) -> tuple[int, int, int] | None:
        try:
            return _identity(self.path.stat())
        except FileNotFoundError:
            return None


def _line(value: Any) -> bytes:
    return json_text(value).encode() + b"\n"


def _identity(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_dev, status.st_ino, status.st_size


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(fault["msg"] for fault in error.errors()[:2])
    return f"it lacks {error}" if isinstance(error, KeyError) else str(error) or repr(error)
