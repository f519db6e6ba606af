"""What may be given as a picture: a path, bytes, a file, an open picture, an array of pixels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from PIL import Image

from metaadapter.errors import UsageError

__all__ = ["ImageInput", "Picture", "as_picture", "name_of"]

ImageInput: TypeAlias = "str | os.PathLike[str] | bytes | IO[bytes] | Image.Image | np.ndarray"
"""A path, the bytes of a picture file, a binary file object, an open picture of Pillow, or an array
(H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of uint8: grey, grey, RGB, RGBA."""

Picture: TypeAlias = "Path | bytes | Image.Image"
"""What `as_picture` makes of an `ImageInput`; unlike a file object it can be read twice."""


def as_picture(image: Any) -> Picture:
    """Reduce an `ImageInput` to a path, bytes or an open picture; nothing is decoded.

    A file object is read whole, from its beginning if it can be rewound.

    Raises:
        UsageError: The input is of another type, or an array of another shape or type.
    """
    if isinstance(image, Image.Image):
        return image
    if isinstance(image, str | os.PathLike):
        return Path(image)
    if isinstance(image, bytes | bytearray | memoryview):
        return bytes(image)
    if isinstance(image, np.ndarray):
        return _of_pixels(image)
    if hasattr(image, "read"):
        if image.seekable():
            image.seek(0)
        content = image.read()
        if isinstance(content, bytes):
            return content
        raise UsageError("expected a picture file opened in binary mode: open(path, 'rb')")
    raise UsageError(
        "expected a picture: a path, bytes, a binary file, a picture of Pillow or a uint8 array; "
        f"got {type(image).__module__}.{type(image).__qualname__}"
    )


def name_of(picture: Picture) -> Path | str:
    """The path of a picture, or words for one that was given without a path."""
    if isinstance(picture, Path):
        return picture
    if isinstance(picture, bytes):
        return f"a picture of {len(picture):,} bytes"
    return Path(filename) if (filename := getattr(picture, "filename", "")) else "an open picture"


def _of_pixels(array: np.ndarray) -> Image.Image:
    n_channels = array.shape[2] if array.ndim == 3 else 1
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or n_channels not in (1, 3, 4):
        raise UsageError(
            "expected pixels as an array (height, width[, 1, 3 or 4]) of uint8, got "
            f"{array.shape} of {array.dtype}"
        )
    return Image.fromarray(array[..., 0] if array.shape[2:] == (1,) else array)
