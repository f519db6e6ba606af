"""The largest requests, files and archives that the server accepts."""

from __future__ import annotations

from dataclasses import dataclass, replace

PHONE_BYTES = 2**28


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest sizes in bytes, and the largest number of files in a zip file."""

    request_bytes: int = 2**32
    """A request with files, one of which may be a zip file."""
    json_bytes: int = 2**23
    """Any other request."""
    picture_bytes: int = 2**26
    archived_files: int = 20_000
    unpacked_bytes: int = 2**33
    """All files of one zip file."""

    @property
    def of_phones(self) -> Limits:
        """The limits for phones, which send some pictures, but no archives."""
        return replace(self, request_bytes=min(PHONE_BYTES, self.request_bytes))
