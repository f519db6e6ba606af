"""The pictures that an exported encoder is checked with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from importlib.resources import files
from pathlib import Path

from metaadapter.data.decode import content_hash
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.reader import read_images
from metaadapter.data.table import ImageRow
from metaadapter.features.encoded_pictures import EncodedPictures, encode_rows, require_some
from metaadapter.features.encoding_loop import Progress
from metaadapter.features.image_encoder import ImageEncoder

DEMO_PICTURES = Path(str(files("metaadapter"))) / "assets" / "demo" / "pictures"
"""Photographs of clothes that come along."""
MOST, MOST_OF_DEMO = 200, 30


def check_pictures(
    sources: Sequence[Path],
    encoder: ImageEncoder,
    known: Collection[str],
    progress: Callable[[Progress], None],
) -> EncodedPictures:
    """Encode at most 200 pictures of the sources, or 30 of those that come along if none is given.

    Pictures with these `known` hashes come first; of the others, some from each part of a source.

    Raises:
        DataError: A source is missing, or not one picture can be read.
    """
    rows = [
        row
        for source in sources or [DEMO_PICTURES]
        for row in read_images(source, labelled=False, n_classes=1).rows
    ]
    chosen = _chosen(rows, known if sources else (), MOST if sources else MOST_OF_DEMO)
    found = encode_rows(chosen, encoder, views=1, seed=0, progress=progress)
    require_some(len(chosen), found.quarantined)
    return found


def _chosen(rows: Sequence[ImageRow], known: Collection[str], most: int) -> Sequence[ImageRow]:
    if len(rows) <= most:
        return rows
    is_known = [_hash(row) in known for row in rows] if known else [False] * len(rows)
    first = [row for row, mine in zip(rows, is_known, strict=True) if mine][:most]
    others = [row for row, mine in zip(rows, is_known, strict=True) if not mine]
    n_more = most - len(first)
    return [*first, *(others[number * len(others) // n_more] for number in range(n_more))]


def _hash(row: ImageRow) -> str:
    try:
        return content_hash(row.path)
    except UnreadableImage:
        return ""
