"""What a file holds, as a short text: equal files, wherever they lie, have equal hashes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from metaadapter.images.unreadable import open_readable

__all__ = ["content_hash"]


def content_hash(path: Path | str) -> str:
    """Hash the bytes of a file.

    Args:
        path: the file.

    Returns:
        SHA-256 in 64 hexadecimal digits, as `sha256sum` prints it.

    Raises:
        UnreadableImage: the file is missing or may not be read.
    """
    with open_readable(Path(path)) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
