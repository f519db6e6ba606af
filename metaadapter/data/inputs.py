"""The forms in which pictures are accepted, and the error for a picture that cannot be read.

Digests of lists of pictures tell, without reading the pictures, whether they are those of before.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from metaadapter.data.crop import Crop
from metaadapter.data.packed import Packed
from metaadapter.data.table import ImageRow
from metaadapter.errors import DataError, UsageError
from metaadapter.files.checksums import joined_hash
from metaadapter.files.machine_errors import is_of_network, is_shortage
from metaadapter.files.regular_files import regular
from metaadapter.files.url import Url, as_place

# Of a larger file in a bucket only the parts that are asked for are fetched, and not kept.
READ_AT_ONCE = 2**26

ImageInput: TypeAlias = "str | os.PathLike[str] | Packed | Crop | bytes | Image.Image | np.ndarray"
"""A path or URL, a place in a tar file, a box in the picture of either, the bytes of a
picture file, an open picture of Pillow, or an array of uint8: (H, W) or (H, W, 1) for grey,
(H, W, 3) for RGB, (H, W, 4) for RGBA."""

Picture: TypeAlias = "Path | Packed | Crop | bytes | Image.Image"
"""The results of `as_picture`."""

# The status of an input, in tables of predictions.
DONE = "done"
UNREADABLE = "unreadable"


class UnreadableImage(DataError):
    """A picture that cannot be read; callers collect these errors as their quarantine list.

    The path may be a description such as "an open picture".
    """

    def __init__(self, path: Path | str, reason: str) -> None:
        # With both arguments in the base class the error can be sent between processes.
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot read {self.path}: {self.reason}"


def as_picture(image: Any) -> Picture:
    """Reduce an `ImageInput` to a `Picture`; nothing is decoded."""
    if isinstance(image, Image.Image | Crop | Packed):
        return image
    if isinstance(image, str | os.PathLike):
        return as_place(image)
    if isinstance(image, bytes):
        return image
    if isinstance(image, np.ndarray):
        n_channels = image.shape[2] if image.ndim == 3 else 1
        if image.dtype != np.uint8 or image.ndim not in (2, 3) or n_channels not in (1, 3, 4):
            raise UsageError(
                "expected pixels as an array (height, width[, 1, 3 or 4]) of uint8, got "
                f"{image.shape} of {image.dtype}"
            )
        return Image.fromarray(image[..., 0] if image.shape[2:] == (1,) else image)
    raise UsageError(
        "expected a picture: a path, bytes, a picture of Pillow or a uint8 array; "
        f"got {type(image).__module__}.{type(image).__qualname__}"
    )


def name_of(picture: Picture) -> Path | str:
    """Return the path of a picture, or a description of a picture without a path."""
    if isinstance(picture, Path):
        return picture
    if isinstance(picture, Crop):
        return name_of(picture.file)
    if isinstance(picture, Packed):
        return picture.path
    if isinstance(picture, bytes):
        return f"a picture of {len(picture):,} bytes"
    return Path(filename) if (filename := getattr(picture, "filename", "")) else "an open picture"


@contextmanager
def open_readable(place: Path | Packed) -> Iterator[BufferedIOBase]:
    """Open a file for reading; turn an error of the system into an `UnreadableImage`."""
    try:
        if (
            isinstance(place, Url)
            and len(start := place.read_range(0, READ_AT_ONCE)) < READ_AT_ONCE
        ):
            yield BytesIO(start)  # in one request
        elif isinstance(place, Path):
            with regular(place).open("rb") as file:
                yield file
        else:
            yield BytesIO(place.read())
    except FileNotFoundError as error:
        raise UnreadableImage(name_of(place), "there is no such file") from error
    except PermissionError as error:
        raise UnreadableImage(name_of(place), "no permission to read it") from error
    except OSError as error:
        if is_shortage(error):
            raise
        reason = (error.strerror or str(error)).lower()
        raise UnreadableImage(name_of(place), reason) from error


def inputs_digest(rows: Iterable[ImageRow]) -> str:
    """Return a digest of all facts about pictures, and of file sizes and modification times.

    Of a `Url` it has the size alone, if its folder was listed.
    """
    facts_of_container = cache(_facts)

    def texts() -> Iterator[str]:
        for row in rows:
            packed = row.packed
            facts: tuple[int, ...] = (row.size,) if row.size else ()
            place = packed and packed[2:]
            if packed is not None:
                facts = facts_of_container(packed.container)
            elif not isinstance(row.path, Url):
                facts = _facts(row.path)
            yield repr((*_listed(row), place, facts))

    return joined_hash(texts())


def listing_digest(rows: Iterable[ImageRow]) -> str:
    """Return a digest of a list of pictures, which is the same on every machine with these paths.

    It covers paths, labels, splits, groups and boxes, but no contents.
    """
    return joined_hash(repr(_listed(row)) for row in rows)


def _listed(row: ImageRow) -> tuple[object, ...]:
    return os.fspath(row.path), row.label, row.split, row.group, row.box


def _facts(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        if is_of_network(error):
            raise
        return ()
    return status.st_size, status.st_mtime_ns
