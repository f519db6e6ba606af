"""The limits of a request and of the files in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest sizes in bytes, and the largest numbers of files, that the server accepts."""

    request_bytes: int = 2**32
    """A request with files."""
    json_bytes: int = 2**23
    """Any other request."""
    files: int = 5000
    archive_bytes: int = 2**32
    """An uploaded file, which may be a zip file."""
    picture_bytes: int = 2**26
    archived_files: int = 20_000
    unpacked_bytes: int = 2**33
    """All files of one zip file."""
