"""The error of a picture that cannot be read, and the opening of files which raises it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from metaadapter.errors import DataError

__all__ = ["UnreadableImage", "open_readable"]


class UnreadableImage(DataError):
    """A picture that cannot be read; callers collect these as their quarantine list.

    Attributes:
        path: The file; words such as "an open picture" where there was no path.
        reason: Why the picture cannot be read, in a few words.
    """

    def __init__(self, path: Path | str, reason: str) -> None:
        # Both go to the base class so that the error survives the way back from a worker process.
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot read {self.path}: {self.reason}"


@contextmanager
def open_readable(path: Path) -> Iterator[BufferedReader]:
    """Open a file for reading; any fault of the system becomes an `UnreadableImage`."""
    try:
        if not path.exists():
            raise UnreadableImage(path, "there is no such file")
        if not path.is_file():  # opening a pipe would wait forever
            raise UnreadableImage(path, "it is a folder or a device, not a picture file")
        with path.open("rb") as file:
            yield file
    except PermissionError as error:
        raise UnreadableImage(path, "no permission to read it") from error
    except OSError as error:
        raise UnreadableImage(path, (error.strerror or str(error)).lower()) from error
