"""The pictures of a project on disk, in files named by their hashes, and their thumbnails.

A name that comes from a client never becomes the name of a file.
"""

from __future__ import annotations

import io
import os
import re
import threading
from collections.abc import Container
from contextlib import suppress
from pathlib import Path

from PIL import Image

from metaadapter.data.checksums import file_hash
from metaadapter.data.decode import decode_image
from metaadapter.data.output_folder import replace_file, sync_folder, write_errors

ID_DIGITS = 32
ID = re.compile(rf"[0-9a-f]{{{ID_DIGITS}}}")
THUMBNAIL_SIDE, JPEG_QUALITY = 256, 80
# The first bytes of each kind of picture that `decode_image` reads, and its media type.
MEDIA_TYPES = (
    (b"\xff\xd8", "image/jpeg"),
    (b"\x89PNG", "image/png"),
    (b"RIFF", "image/webp"),
    (b"GIF8", "image/gif"),
    (b"II", "image/tiff"),
    (b"MM", "image/tiff"),
    (b"BM", "image/bmp"),
)
BROWSER_TYPES = {"image/jpeg", "image/png", "image/webp", "image/gif"}


def id_of(sha256: str) -> str:
    """The id of a picture: the first 32 hexadecimal digits of its SHA-256."""
    return sha256[:ID_DIGITS]


class PictureFolder:
    """Two folders, `pictures` and `thumbnails`, whose files are named by the ids of pictures."""

    def __init__(self, project: Path) -> None:
        """Make the folders if they are missing."""
        self._pictures, self._thumbnails = project / "pictures", project / "thumbnails"
        for folder in (self._pictures, self._thumbnails):
            folder.mkdir(exist_ok=True)
        self._writing = threading.Lock()  # two requests may upload the same picture

    def path(self, picture: str) -> Path:
        """The path of a picture, which may not exist; a `ValueError` unless `picture` is an id."""
        if not ID.fullmatch(picture):
            raise ValueError(f"{picture[:80]!r} is not the id of a picture")
        return self._pictures / picture

    def thumbnail(self, picture: str) -> Path:
        """The path of a picture's thumbnail, a JPEG file, which is made if it is missing."""
        path = self._thumbnails / self.path(picture).name
        with self._writing:
            if not path.exists():
                _write_thumbnail(path, decode_image(self.path(picture)))
        return path

    def keep(self, file: Path) -> str:
        """Move a picture from the same drive into the folder; return its id.

        On return, the picture survives a power cut. An `UnreadableImage` if it cannot be read.
        """
        picture = id_of(file_hash(file))
        path = self._pictures / picture
        if path.exists():
            file.unlink()
            return picture
        decoded = decode_image(file)
        with self._writing, write_errors("the picture", instead="choose another project"):
            _write_thumbnail(self._thumbnails / picture, decoded)
            with file.open("rb+") as opened:
                os.fsync(opened.fileno())
            file.replace(path)
            sync_folder(self._pictures)
        return picture

    def remove_others(self, wanted: Container[str]) -> None:
        """Remove the files of all other pictures, and files that a killed run left behind."""
        for folder in (self._pictures, self._thumbnails):
            for path in folder.iterdir():
                if path.name not in wanted:
                    with suppress(OSError):
                        path.unlink()


def media_type(path: Path) -> str:
    """The media type of a picture, recognized by the first bytes of its file."""
    with path.open("rb") as file:
        start = file.read(16)
    kinds = (kind for magic, kind in MEDIA_TYPES if start.startswith(magic))
    return next(kinds, "image/x-portable-anymap")


def _write_thumbnail(path: Path, picture: Image.Image) -> None:
    picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    replace_file(path, jpeg_bytes(picture))


def jpeg_bytes(picture: Image.Image) -> bytes:
    """A picture as the content of a JPEG file."""
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=JPEG_QUALITY)
    return content.getvalue()
