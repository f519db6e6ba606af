"""Whether pictures are whole frames of camera traps, without the boxes of a detector."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import ExifTags

from metaadapter.data.decode import open_image
from metaadapter.data.inputs import name_of, open_readable
from metaadapter.data.packed import Packed
from metaadapter.data.table import ImageRow

MAKERS = (
    *("reconyx", "bushnell", "browning", "cuddeback", "spypoint", "moultrie", "stealth cam"),
    *("uovision", "scoutguard", "ltl acorn", "trail", "covert", "burrel", "wildgame"),
)
"""Makers of camera traps, as EXIF data has them, in lower case."""
EMPTY = frozenset({"empty", "blank"})
"""The names, in lower case, of the class of frames without an animal."""


def are_whole_frames(
    rows: Sequence[ImageRow], classes: Iterable[str], *, given: bool = False
) -> bool:
    """Return whether pictures seem to be whole frames of camera traps.

    They are if it is `given`, if a class is named empty or blank, or if the EXIF data of the first
    picture name a maker of camera traps; not if a picture has a box.
    """
    if not rows or any(row.box is not None for row in rows):
        return False
    return given or bool(EMPTY & {*map(str.casefold, classes)}) or _by_trap(rows[0].file)


def _by_trap(place: Path | Packed) -> bool:
    try:
        with open_readable(place) as file:
            exif = open_image(name_of(place), file).getexif()
    except Exception:  # the picture may be missing or damaged
        return False
    maker = f"{exif.get(ExifTags.Base.Make)} {exif.get(ExifTags.Base.Model)}".casefold()
    return any(name in maker for name in MAKERS)
