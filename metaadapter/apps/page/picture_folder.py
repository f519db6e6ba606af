"""The pictures of a project on disk, in files named by their SHA-256, and their thumbnails.

A name that comes from a client never becomes the name of a file. A picture is compared with its
name whenever it is read, and a thumbnail with the hash at its end. No link is followed.
"""

from __future__ import annotations

import io
import os
import re
import threading
from contextlib import suppress
from pathlib import Path

from PIL import Image

from metaadapter.apps.page.entries import CropEntry
from metaadapter.apps.page.project_folders import move_aside
from metaadapter.apps.page.refusal import Limits
from metaadapter.data.crop import Crop
from metaadapter.data.decode import decode_image, open_image
from metaadapter.data.inputs import UnreadableImage, open_readable
from metaadapter.errors import DataError
from metaadapter.files.checksums import content_hash
from metaadapter.files.output_folder import replace_file, write_errors

ID = re.compile(r"[0-9a-f]{64}")
THUMBNAIL_SIDE, JPEG_QUALITY = 256, 80
# A crop that is downloaded may become an example again.
CROP_QUALITY = 95
BROWSER_TYPES = {"image/jpeg", "image/png", "image/webp", "image/gif"}
PICTURES_FOLDER, THUMBNAILS_FOLDER = "pictures", "thumbnails"
DIFFERS = "its content is not that of the picture that was added"
# A thumbnail ends with a hash of its picture's id and its own JPEG file; viewers ignore it.
PROOF_BYTES = 64


class PictureFolder:
    """Two folders, `pictures` and `thumbnails`, whose files are named by the ids of pictures."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._pictures, self._thumbnails = project / PICTURES_FOLDER, project / THUMBNAILS_FOLDER
        self._writing = threading.Lock()  # two requests may upload the same picture

    def make(self) -> None:
        """Make the folders if they are missing."""
        for folder in (self._pictures, self._thumbnails):
            make_folder(folder)

    def path(self, picture: str) -> Path:
        """The path of a picture, which may not exist; a `ValueError` unless `picture` is an id."""
        if not ID.fullmatch(picture):
            raise ValueError(f"{picture[:80]!r} is not the id of a picture")
        return self._pictures / picture

    def read(self, picture: str) -> bytes:
        """The content of a picture; an `UnreadableImage` if it is missing or differs."""
        path = self.path(picture)
        content = _content(path)
        if content_hash(content) != picture:
            raise UnreadableImage(path, DIFFERS)
        return content

    def image(self, picture: str, crop: CropEntry | None) -> bytes | Crop:
        """A picture to decode: its content, or its box in a frame whose content was checked."""
        if crop is None:
            return self.read(picture)
        self.read(crop.frame)
        return Crop(self.path(crop.frame), crop.box)

    def thumbnail(self, picture: str, crop: CropEntry | None = None) -> bytes:
        """The thumbnail of a picture, a JPEG file; it is made again if it is missing or damaged."""
        path = self._thumbnails / self.path(picture).name
        with self._writing:
            with suppress(UnreadableImage):
                content = _content(path)
                jpeg = content[:-PROOF_BYTES]
                if content == _with_proof(picture, jpeg):
                    return jpeg
            jpeg = _thumbnail(decode_image(self.image(picture, crop)))
            with suppress(OSError):  # the thumbnail is made again the next time
                self._write_thumbnail(picture, jpeg)
        return jpeg

    def keep(self, content: bytes) -> str:
        """Write a picture into the folder; return its id.

        A damaged file of the same picture goes to the leftovers. An `UnreadableImage` if the
        content is no picture.
        """
        picture = content_hash(content)
        with self._writing, write_errors("the picture", instead="choose another project"):
            with suppress(UnreadableImage):
                self.read(picture)
                return picture
            self._write_thumbnail(picture, _thumbnail(decode_image(content)))
            if os.path.lexists(path := self._pictures / picture):
                move_aside(path, self._project)
            replace_file(path, content)
        return picture

    def _write_thumbnail(self, picture: str, jpeg: bytes) -> None:
        # Nothing is synced: a thumbnail that a power cut damages has no proof, and is made again.
        unfinished = self._thumbnails / f"{picture}.tmp"
        unfinished.unlink(missing_ok=True)  # a link may have this name
        with unfinished.open("xb") as file:
            file.write(_with_proof(picture, jpeg))
        unfinished.replace(self._thumbnails / picture)


def make_folder(folder: Path) -> None:
    """Make a folder of a project if it is missing; a `DataError` if a file is in its place."""
    try:
        folder.mkdir(exist_ok=True)
    except FileExistsError as error:
        raise DataError(
            f"{folder} is a file, but the project keeps a folder of this name; move the file away"
        ) from error


def media_type(content: bytes) -> str:
    """The media type of a picture that was decoded before; "" if it has no usual one."""
    return Image.MIME.get(open_image("a picture", io.BytesIO(content)).format or "", "")


def _content(path: Path) -> bytes:
    if path.is_symlink():
        raise UnreadableImage(path, "it is a link, not a file")
    with open_readable(path) as file:
        if os.fstat(file.fileno()).st_size > Limits().picture_bytes:
            raise UnreadableImage(path, DIFFERS)
        return file.read()


def _thumbnail(picture: Image.Image) -> bytes:
    picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return jpeg_bytes(picture)


def _with_proof(picture: str, jpeg: bytes) -> bytes:
    return jpeg + content_hash(picture, jpeg).encode()


def jpeg_bytes(picture: Image.Image, quality: int = JPEG_QUALITY) -> bytes:
    """A picture as the content of a JPEG file."""
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=quality)
    return content.getvalue()
