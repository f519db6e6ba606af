"""Pictures are known by their bytes, wherever they lie."""

from __future__ import annotations

import hashlib
from pathlib import Path

from metaadapter.images.decode import decode_image
from metaadapter.images.inputs import ImageInput, as_picture
from metaadapter.images.unreadable import open_readable

__all__ = ["content_hash"]


def content_hash(image: ImageInput) -> str:
    """Hash a picture: equal files have equal hashes.

    Args:
        image: What `decode_image` takes. Paths, bytes and file objects are hashed as `sha256sum`
            does; open pictures and arrays, which have no bytes of a file, by their size and
            upright RGB pixels.

    Returns:
        A SHA-256 in 64 hexadecimal digits.

    Raises:
        UnreadableImage: The file is missing or may not be read, or the open picture is damaged.
        UsageError: What was given is no picture.
    """
    picture = as_picture(image)
    if isinstance(picture, Path):
        with open_readable(picture) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if isinstance(picture, bytes):
        return hashlib.sha256(picture).hexdigest()
    upright = decode_image(picture)
    return hashlib.sha256(f"{upright.size}".encode() + upright.tobytes()).hexdigest()
