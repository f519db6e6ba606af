"""Small versions of pictures for a report, of files that have not changed since."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from metaadapter.bench.report.evaluation_run import Row
from metaadapter.data.decode import content_hash, decode_image
from metaadapter.data.inputs import UnreadableImage

SIDE = 160
QUALITY = 80


def thumbnails(mistakes: Iterable[Row], folders: Sequence[Path]) -> dict[str, bytes]:
    """A JPEG of each picture whose file is found, by the hash of its bytes.

    Paths may begin in any of the folders, and two stores may have the same paths: the first file
    with the `sha256` of a mistake is taken.
    """
    jpegs = {}
    for mistake in mistakes:
        for folder in folders:
            if jpeg := _thumbnail(folder / mistake["path"], mistake["sha256"]):
                jpegs[mistake["sha256"]] = jpeg
                break
    return jpegs


def _thumbnail(path: Path, sha256: str) -> bytes | None:
    """None unless the file is the picture that was encoded."""
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
