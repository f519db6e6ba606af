"""Decode pictures of any form to upright RGB pictures, and hash their contents."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from PIL import ExifTags, Image

from metaadapter.data.crop import Box, Crop, cut_out
from metaadapter.data.inputs import ImageInput, UnreadableImage, as_picture, name_of, open_readable
from metaadapter.data.iso_picture import AVIF, BRANDS_BYTES, HEIF, iso_format
from metaadapter.data.packed import Packed
from metaadapter.data.picture_limits import most_pixels, require_cheap_file, require_cheap_strips
from metaadapter.files.machine_errors import is_of_network

# Pillow knows some fifty formats; the rare ones are where damaged files do most harm.
PLAIN_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM")
FORMATS = (*PLAIN_FORMATS, AVIF, HEIF)
# An encoder scales the shorter side to a few hundred pixels, and the longer one in proportion.
LONGEST_ASPECT = 100
# Any machine that can run an encoder has enough memory for a picture smaller than this.
LARGE_PIXELS = 2**24
# The value of white at the bit depths of cameras, microscopes and scanners; masks hold 0 and 1.
WHITE_OF_WHOLE_NUMBERS = (1.0, 255.0, 1023.0, 4095.0, 16383.0, 65535.0)
WHITE_OF_FRACTIONS = (1.0,)

# A larger file is read twice, to hash and to decode it, rather than kept in memory.
MOST_BYTES_IN_MEMORY = 2**26

_LOADING = threading.Lock()

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
        image: A JPEG, PNG, WebP, GIF, TIFF, BMP, PPM, AVIF or HEIC file as a path or bytes (the
            content decides, not the name), or packed in a tar file; a `Crop`, a box in such a
            file; an open picture, in its current frame; or an array (H, W[, 1, 3 or 4]) of uint8.

    Returns:
        A picture of mode "RGB" without metadata, independent of the input.

    Raises:
        UnreadableImage: The picture is missing, empty, damaged, not a picture, larger than Pillow's
            `Image.MAX_IMAGE_PIXELS` (a guard against decompression bombs; for WebP three quarters
            of that) or than the memory, or more than 100 times as long as wide, which would exceed
            the memory when it is scaled; or its file would take far longer to decode than others,
            as a JPEG file of more than 64 scans.
        MemoryError: There is too little memory even for a picture that is not large.
        UsageError: `image` has none of the forms above.
    """
    picture = as_picture(image)
    if isinstance(picture, Crop):
        return cut_out(decode_image(picture.file), picture.box)
    if isinstance(picture, Path | Packed):
        with open_readable(picture) as file:
            return _decode(name_of(picture), file)
    return _decode(name_of(picture), BytesIO(picture) if isinstance(picture, bytes) else picture)


def upright_size(place: Path | Packed) -> tuple[int, int]:
    """Return the width and height of a picture file when it is upright; no pixel is decoded.

    Raises:
        UnreadableImage: The file is missing, or its header is no picture's.
    """
    with open_readable(place) as file, _named_damage(name_of(place)):
        image = open_image(name_of(place), file)
        width, height = image.size
        # The orientations 5 to 8 turn the picture by 90 degrees.
        return (height, width) if _orientation(image) >= 5 else (width, height)


def content_hash(image: ImageInput) -> str:
    """Return a hash of a picture's content: equal files have equal hashes.

    Args:
        image: As for `decode_image`. Paths and bytes are hashed as `sha256sum` does, to 64
            hexadecimal digits; crops by the hash of their file and their box; open pictures and
            arrays by their size and upright RGB pixels.

    Raises:
        UnreadableImage: The file is missing or may not be read, or the open picture is damaged.
        UsageError: `image` is no picture.
    """
    return read_once(image, lambda _: False)[0]


def read_once(image: ImageInput, is_new: Callable[[str], bool]) -> tuple[str, Image.Image | None]:
    """Return `content_hash`, and `decode_image` if the hash is new; the file is read once.

    Raises:
        UnreadableImage: The picture cannot be read, or is new and cannot be decoded.
    """
    picture = as_picture(image)
    if isinstance(picture, Image.Image):
        upright = decode_image(picture)
        sha256 = hashlib.sha256(f"{upright.size}".encode() + upright.tobytes()).hexdigest()
        return sha256, upright if is_new(sha256) else None
    if isinstance(picture, bytes):
        return _hash_and_decode(name_of(picture), BytesIO(picture), None, is_new)
    box = picture.box if isinstance(picture, Crop) else None
    file = picture.file if isinstance(picture, Crop) else picture
    with open_readable(file) as opened:
        content = opened.read(MOST_BYTES_IN_MEMORY)
        if len(content) < MOST_BYTES_IN_MEMORY:
            opened = BytesIO(content)
        return _hash_and_decode(name_of(file), opened, box, is_new)


def _hash_and_decode(
    name: Path | str, file: BufferedIOBase, box: Box | None, is_new: Callable[[str], bool]
) -> tuple[str, Image.Image | None]:
    file.seek(0)
    sha256 = hashlib.file_digest(cast("Any", file), "sha256").hexdigest()
    if box is not None:
        sha256 = crop_hash(sha256, box)
    if not is_new(sha256):
        return sha256, None
    file.seek(0)
    upright = _decode(name, file)
    return sha256, upright if box is None else cut_out(upright, box)


def crop_hash(sha256: str, box: Box) -> str:
    """The content hash of a crop, from the SHA-256 of the picture's file and its box."""
    return hashlib.sha256(f"{sha256} {[*box]}".encode()).hexdigest()


def is_large(image: Image.Image) -> bool:
    """Return whether a picture is so large that it, not the machine, may cause a lack of memory."""
    return image.width * image.height > LARGE_PIXELS


def _decode(path: Path | str, source: BufferedIOBase | Image.Image) -> Image.Image:
    image = source if isinstance(source, Image.Image) else None
    # Two threads may share an open picture, whose file can be read only once.
    loading = _LOADING if image else nullcontext()
    with _named_damage(path):
        try:
            image = image or open_image(path, cast("BufferedIOBase", source), of_pixels=True)
            return _upright_rgb(path, image, loading)
        except MemoryError as error:
            if image is None or not is_large(image):
                raise
            raise UnreadableImage(path, "too large for the memory of this machine") from error


@contextmanager
def _named_damage(path: Path | str) -> Iterator[None]:
    """Turn the error of a damaged file into an `UnreadableImage`."""
    try:
        yield
    except (UnreadableImage, MemoryError):
        raise
    except Exception as error:  # damaged files raise nearly any type of error
        if is_of_network(error):
            raise
        reason = f"truncated or damaged ({str(error) or type(error).__name__})"
        raise UnreadableImage(path, reason) from error


def _upright_rgb(
    path: Path | str, image: Image.Image, loading: AbstractContextManager[object]
) -> Image.Image:
    size = f"{image.width} x {image.height}"
    pixels, limit = image.width * image.height, most_pixels(image)
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
    require_cheap_strips(path, image)
    with loading:
        image.load()
    # Pillow turns TIFF pictures while loading, so the orientation is read afterwards.
    turn = UPRIGHT.get(_orientation(image))
    rgb = _to_rgb(image)
    upright = rgb if turn is None else rgb.transpose(turn)
    upright.info = {}  # with an orientation in here, the next reader would turn it again
    return upright


def open_image(path: Path | str, file: BufferedIOBase, *, of_pixels: bool = False) -> Image.Image:
    """Read the header of a picture file; no pixel is decoded.

    Set `of_pixels` if pixels are decoded later: then the rest of the file is checked, too.
    """
    # Not Image.open: it warns of pictures above the limit, and a warning cannot be caught without
    # changing the filters of all threads.
    Image.init()
    start = file.read(BRANDS_BYTES)
    if not start:
        raise UnreadableImage(path, "the file is empty")
    of_iso = iso_format(path, start)
    for name in (of_iso,) if of_iso else PLAIN_FORMATS:
        factory, accept = Image.OPEN[name]
        if of_iso or (accept is not None and accept(start) is True):
            require_cheap_file(path, file, name, of_pixels=of_pixels)
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
    if not image.has_transparency_data:
        return image.convert("RGB")
    rgba = image if image.mode == "RGBA" else image.convert("RGBA")
    on_white = Image.new("RGB", image.size, "white")
    on_white.paste(rgba, mask=rgba.getchannel("A"))
    return on_white


def _eight_bit_grey(image: Image.Image) -> Image.Image:
    # In place, because intermediate results take four bytes for each pixel.
    tones = np.array(image, dtype=np.float32)
    is_number = np.isfinite(tones)
    low = float(tones.min(where=is_number, initial=np.inf))
    high = float(tones.max(where=is_number, initial=-np.inf))
    if low > high:  # there is no number
        low, high = 0.0, 0.0
    levels = WHITE_OF_FRACTIONS if image.mode == "F" else WHITE_OF_WHOLE_NUMBERS
    if low >= 0 and high <= levels[-1]:
        low, high = 0.0, next(level for level in levels if high <= level)
    np.nan_to_num(tones, copy=False, nan=low, posinf=high, neginf=low)
    tones -= low
    tones *= 255 / max(high - low, 1e-30)
    return Image.fromarray(np.rint(tones, out=tones).astype(np.uint8))
