"""Whether pictures are whole frames of camera traps, without the boxes of a detector."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PIL import ExifTags

from metaadapter.data.capture_time import exif_of
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
    if given or EMPTY & {*map(str.casefold, classes)}:
        return True
    exif, _ = exif_of(rows[0].file)
    maker = f"{exif.get(ExifTags.Base.Make)} {exif.get(ExifTags.Base.Model)}".casefold()
    return any(name in maker for name in MAKERS)
