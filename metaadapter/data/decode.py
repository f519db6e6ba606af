"""Decode pictures of any form to upright RGB pictures, and hash their contents."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager, nullcontext
from io import BufferedIOBase, BytesIO
from pathlib import Path
from threading import Lock
from typing import IO, cast

import numpy as np
from PIL import ExifTags, Image

from metaadapter.data.crop import Crop, cut_out
from metaadapter.data.inputs import ImageInput, UnreadableImage, as_picture, name_of, open_readable

# Pillow knows some fifty formats; the rare ones are where damaged files do most harm.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM")
# An encoder scales the shorter side to a few hundred pixels, and the longer one in proportion.
LONGEST_ASPECT = 100
# Any machine that can run an encoder has enough memory for a picture smaller than this.
LARGE_PIXELS = 2**24
# The value of white at the bit depths of cameras, microscopes and scanners; masks hold 0 and 1.
WHITE_OF_WHOLE_NUMBERS = (1.0, 255.0, 1023.0, 4095.0, 16383.0, 65535.0)
WHITE_OF_FRACTIONS = (1.0,)

_LOADING = Lock()

# The transposition that undoes each EXIF orientation (EXIF 2.32, tag 274); 1 is upright.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode_image(image: ImageInput) -> Image.Image:
    """Return an upright RGB picture, transparent parts on white; of an animation, the first frame.

    Grey pictures of more than 8 bits are scaled so that nothing is clipped: 0 stays black, and
    white is the largest value of the smallest bit depth (1, 8, 10, 12, 14 or 16) that holds the
    brightest pixel; if pixels are fractions, white is 1. Pictures with negative or larger values
    are stretched from their darkest to their brightest pixel. Safe to call from several threads.

    Args:
        image: A JPEG, PNG, WebP, GIF, TIFF, BMP or PPM file as a path, bytes or a binary file
            object (the content decides, not the name); a `Crop`, a box in such a file; an open
            picture, in its current frame; or an array (H, W[, 1, 3 or 4]) of uint8.

    Returns:
        A picture of mode "RGB" without metadata, independent of the input.

    Raises:
        UnreadableImage: The picture is missing, empty, damaged, not a picture, larger than Pillow's
            `Image.MAX_IMAGE_PIXELS` (a guard against decompression bombs) or than the memory, or
            more than 100 times as long as wide, which would exceed the memory when it is scaled.
        MemoryError: There is too little memory even for a picture that is not large.
        UsageError: `image` has none of the forms above.
    """
    picture = as_picture(image)
    if isinstance(picture, Crop):
        return cut_out(decode_image(picture.path), picture.box)
    if isinstance(picture, Path):
        with open_readable(picture) as file:
            return _decode(picture, file)
    return _decode(name_of(picture), BytesIO(picture) if isinstance(picture, bytes) else picture)


def content_hash(image: ImageInput) -> str:
    """Return a hash of a picture's content: equal files have equal hashes.

    Args:
        image: As for `decode_image`. Paths, bytes and file objects are hashed as `sha256sum` does,
            to 64 hexadecimal digits; crops by the hash of their file and their box; open pictures
            and arrays by their size and upright RGB pixels.

    Raises:
        UnreadableImage: The file is missing or may not be read, or the open picture is damaged.
        UsageError: `image` is no picture.
    """
    picture = as_picture(image)
    if isinstance(picture, Crop):
        named = f"{content_hash(picture.path)} {[*picture.box]}"
        return hashlib.sha256(named.encode()).hexdigest()
    if isinstance(picture, Path):
        with open_readable(picture) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if isinstance(picture, bytes):
        return hashlib.sha256(picture).hexdigest()
    upright = decode_image(picture)
    return hashlib.sha256(f"{upright.size}".encode() + upright.tobytes()).hexdigest()


def is_large(image: Image.Image) -> bool:
    """Return whether a picture is so large that it, not the machine, may cause a lack of memory."""
    return image.width * image.height > LARGE_PIXELS


def _decode(path: Path | str, source: BufferedIOBase | Image.Image) -> Image.Image:
    image = source if isinstance(source, Image.Image) else None
    # Two threads may share an open picture, whose file can be read only once.
    loading = _LOADING if image else nullcontext()
    try:
        image = image or open_image(path, cast("BufferedIOBase", source))
        return _upright_rgb(path, image, loading)
    except UnreadableImage:
        raise
    except MemoryError as error:
        if image is None or not is_large(image):
            raise
        raise UnreadableImage(path, "too large for the memory of this machine") from error
    except Exception as error:  # damaged files raise nearly any type of error
        reason = f"truncated or damaged ({str(error) or type(error).__name__})"
        raise UnreadableImage(path, reason) from error


def _upright_rgb(
    path: Path | str, image: Image.Image, loading: AbstractContextManager[object]
) -> Image.Image:
    size = f"{image.width} x {image.height}"
    pixels, limit = image.width * image.height, Image.MAX_IMAGE_PIXELS
    if limit is not None and pixels > limit:
        raise UnreadableImage(
            path,
            f"too large: {size} = {pixels:,} pixels, but at most {limit:,} are read; save a "
            "smaller copy",
        )
    if max(image.size) > LONGEST_ASPECT * min(image.size):
        raise UnreadableImage(
            path,
            f"too narrow: {size} pixels, but the longer side may be at most {LONGEST_ASPECT} times "
            "the shorter; cut it into pieces",
        )
    with loading:
        image.load()
    # Pillow turns TIFF pictures while loading, so the orientation is read afterwards.
    turn = UPRIGHT.get(_orientation(image))
    rgb = _to_rgb(image)
    upright = rgb if turn is None else rgb.transpose(turn)
    upright.info = {}  # with an orientation in here, the next reader would turn it again
    return upright


def open_image(path: Path | str, file: BufferedIOBase) -> Image.Image:
    """Read the header of a picture file; no pixel is decoded."""
    # Not Image.open: it warns of pictures above the limit, and a warning cannot be caught without
    # changing the filters of all threads.
    Image.init()
    start = file.read(16)
    if not start:
        raise UnreadableImage(path, "the file is empty")
    for name in FORMATS:
        factory, accept = Image.OPEN[name]
        if accept is not None and accept(start) is True:
            file.seek(0)
            return factory(cast("IO[bytes]", file), str(path))
    raise UnreadableImage(path, f"not a picture of a known kind ({', '.join(FORMATS)})")


def _orientation(image: Image.Image) -> int:
    # ImageOps.exif_transpose also writes the metadata, which fails if other parts are damaged.
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # a picture with damaged metadata is still readable
        return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        image = _eight_bit_grey(image)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB")


def _eight_bit_grey(image: Image.Image) -> Image.Image:
    tones = np.asarray(image, dtype=np.float32)
    finite = tones[np.isfinite(tones)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    levels = WHITE_OF_FRACTIONS if image.mode == "F" else WHITE_OF_WHOLE_NUMBERS
    if low >= 0 and high <= levels[-1]:
        low, high = 0.0, next(level for level in levels if high <= level)
    tones = np.nan_to_num(tones, nan=low, posinf=high, neginf=low)
    eight_bit = np.rint((tones - low) * (255 / max(high - low, 1e-30)))
    return Image.fromarray(eight_bit.astype(np.uint8))
