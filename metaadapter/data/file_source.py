"""The files of one artifact: in a folder, or within one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from metaadapter.data.regular_files import regular


@runtime_checkable
class FileSource(Protocol):
    """A few files, known by their names; their content is not checked."""

    @property
    def path(self) -> Path:
        """The folder or the file that holds them; messages join it with a name."""

    def has(self, name: str) -> bool:
        """Return whether there is a file of this name."""

    def read(self, name: str) -> bytes:
        """Return the content of a file; one that cannot be read is an `OSError`."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of a folder."""

    path: Path

    def has(self, name: str) -> bool:
        """Return whether there is a file of this name."""
        return (self.path / name).is_file()

    def read(self, name: str) -> bytes:
        """Return the content of a file; one that cannot be read is an `OSError`."""
        return regular(self.path / name).read_bytes()
