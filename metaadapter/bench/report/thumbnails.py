"""Small versions of pictures that a report shows, if they are still what was measured."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from metaadapter.bench.report.evaluation_result import Row
from metaadapter.data.decode import content_hash, decode_image
from metaadapter.data.inputs import UnreadableImage

SIDE = 160
QUALITY = 80


def thumbnails(mistakes: Iterable[Row], folders: Sequence[Path]) -> dict[str, bytes]:
    """JPEG of each picture that is found, by the hash of its bytes.

    Paths may begin in any of the folders, and those of two stores may be the same: the first file
    of the `sha256` of a mistake is taken.
    """
    found = {}
    for mistake in mistakes:
        for folder in folders:
            if jpeg := _thumbnail(folder / mistake["path"], mistake["sha256"]):
                found[mistake["sha256"]] = jpeg
                break
    return found


def _thumbnail(path: Path, sha256: str) -> bytes | None:
    """None if the file is not the picture that was encoded; another one would tell a lie."""
    try:
        if content_hash(path) != sha256:
            return None
        picture = decode_image(path)
    except UnreadableImage:
        return None
    picture.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
