"""A journal: a file that only grows, with one JSON record per line.

A record counts only once it is on disk. A killed process leaves at most an incomplete last line,
which readers ignore. Features are too large for lines:
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
        self._size = 0
        """The bytes of the head and of all records that were read or appended."""

    def read(self, enter: Callable[[Any], object], remedy: str | None = None) -> None:
        """Pass each record to `enter`, which raises one of `DAMAGE` if it gets anything else.

        A damaged line is a `DataError` that ends with the remedy. Without a remedy, reading stops
        before that line, and the next `append` replaces the rest.
        """
        try:
            content = regular(self.path).read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise DataError(
                f"cannot read {self.path}: {error.strerror}; correct its permissions, or restore "
                "it from a copy"
            ) from error
        if not content.startswith(self._head):
            return
        self._size = len(self._head)
        *lines, _ = content[self._size :].split(b"\n")
        for number, line in enumerate(lines, start=2 if self._head else 1):
            try:
                enter(parse_json(line))
            except DAMAGE as error:
                if remedy is None:
                    return
                raise DataError(
                    f"line {number} of {self.path} is damaged ({_reason(error)}); {remedy}"
                ) from error
            self._size += len(line) + 1

    def prepare(self) -> None:
        """Create the file, or cut it after the last whole record; errors of the disk show here."""
        require_no_link(self.path)
        self.path.touch()
        os.truncate(regular(self.path), min(self._size, self.path.stat().st_size))

    def append(self, record: Any) -> None:
        """Append a JSON value; it is on disk when this returns, and absent after an `OSError`."""
        line = _line(record) if self._size else self._head + _line(record)
        self.prepare()
        with self.path.open("ab") as file:
            rest = line
            try:
                # Not through Python's buffer, which would keep the bytes that a full disk refused.
                while rest:
                    rest = rest[os.write(file.fileno(), rest) :]
                os.fsync(file.fileno())
            except OSError:
                with suppress(OSError):  # the next `append` tries again
                    os.truncate(self.path, self._size)
                raise
        self._size += len(line)

    def replace(self, records: Iterable[Any]) -> None:
        """Replace the whole journal by these records, in one step."""
        require_no_link(self.path)
        content = self._head + b"".join(map(_line, records))
        replace_file(self.path, content)
        self._size = len(content)


def _line(value: Any) -> bytes:
    return json_text(value).encode() + b"\n"


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(fault["msg"] for fault in error.errors()[:2])
    return f"it lacks {error}" if isinstance(error, KeyError) else str(error) or repr(error)
