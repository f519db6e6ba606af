"""Where the files of one artifact lie side by side: in a folder, or within one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from metaadapter.data.regular_files import regular


@runtime_checkable
class FileSource(Protocol):
    """A few files, known by their names; what is read is not checked."""

    @property
    def path(self) -> Path:
        """The folder, or the file that holds them: their names behind it are for messages."""

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""

    def read(self, name: str) -> bytes:
        """The content of a file; an OSError if there is none that can be read."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Files of a folder, each read when it is asked for."""

    path: Path

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return (self.path / name).is_file()

    def read(self, name: str) -> bytes:
        """The content of a file; an OSError if there is none that can be read."""
        return regular(self.path / name).read_bytes()
