"""HEIC and AVIF, the pictures of phones, in ISO base media files."""

from __future__ import annotations

from pathlib import Path

from PIL import features

from metaadapter.data.inputs import UnreadableImage

AVIF, HEIF = "AVIF", "HEIF"
# Brands of the ftyp box that name a codec; other brands, such as mif1, are those of any codec.
AVIF_BRANDS = {b"avif", b"avis"}
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}
BRANDS_BYTES = 64
"""The first bytes of a file, in which all brands that programs write stand."""


def iso_format(path: Path | str, start: bytes) -> str | None:
    """Return the format of a picture by the brands at the start of its file (ISO/IEC 23008-12).

    Args:
        path: What an error names.
        start: The first `BRANDS_BYTES` of the file, or all of a shorter one.

    Returns:
        `AVIF`, `HEIF`, or `None` for any other file.

    Raises:
        UnreadableImage: The decoder of the format is not installed.
    """
    if start[4:8] != b"ftyp":
        return None
    end = int.from_bytes(start[:4], "big")
    brands = {start[at : at + 4] for at in range(8, min(end, len(start)), 4)}
    if brands & AVIF_BRANDS:
        if not features.check("avif"):
            raise UnreadableImage(path, "an AVIF picture; Pillow 11.3 or newer reads it")
        return AVIF
    if not brands & HEIC_BRANDS:
        return None
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise UnreadableImage(
            path,
            "a HEIC picture, as iPhones take; install metaadapter[heic] to read it, or set the "
            "iPhone to JPEG: Settings, Camera, Formats, Most Compatible",
        ) from error
    register_heif_opener()
    return HEIF
