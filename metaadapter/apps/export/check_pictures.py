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
"""Photographs of clothes that are part of the package."""
MOST, MOST_OF_DEMO = 200, 30


def check_pictures(
    sources: Sequence[Path],
    encoder: ImageEncoder,
    support_hashes: Collection[str],
    progress: Callable[[Progress], None],
) -> EncodedPictures:
    """Encode at most 200 pictures of the sources, or 30 demo pictures if there is no source.

    Pictures of the support come first, then pictures from all parts of the sources.

    Raises:
        DataError: A source does not exist, or no picture can be read.
    """
    rows = [
        row
        for source in sources or [DEMO_PICTURES]
        for row in read_images(source, labelled=False, n_classes=1).rows
    ]
    chosen = _chosen(rows, support_hashes if sources else (), MOST if sources else MOST_OF_DEMO)
    pictures = encode_rows(chosen, encoder, views=1, seed=0, progress=progress)
    require_some(len(chosen), pictures.quarantined)
    return pictures


def _chosen(
    rows: Sequence[ImageRow], support_hashes: Collection[str], most: int
) -> Sequence[ImageRow]:
    if len(rows) <= most:
        return rows
    in_support = [bool(support_hashes) and _hash(row) in support_hashes for row in rows]
    first = [row for row, is_known in zip(rows, in_support, strict=True) if is_known][:most]
    others = [row for row, is_known in zip(rows, in_support, strict=True) if not is_known]
    n_more = most - len(first)
    return [*first, *(others[number * len(others) // n_more] for number in range(n_more))]


def _hash(row: ImageRow) -> str:
    try:
        return content_hash(row.path)
    except UnreadableImage:
        return ""
