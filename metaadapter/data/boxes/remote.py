"""Boxes in a bucket, which are refused by name: their pictures cannot be looked for by URL."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from metaadapter.data.boxes.formats import recognized
from metaadapter.data.boxes.voc import are_voc
from metaadapter.data.boxes.yolo import are_yolo
from metaadapter.errors import DataError, UsageError

XML_AND_YAML = (".xml", ".yaml", ".yml")
TABLES = (".json", ".csv", ".tsv")


def require_no_boxes(source: Path) -> None:
    """Raise a `UsageError` if a file in a bucket is one of boxes."""
    try:
        suffix = source.suffix.lower()
        listing = recognized(source) if suffix in TABLES else None
    except DataError:
        return  # whoever reads it says what is wrong
    if listing is not None or suffix in XML_AND_YAML:
        raise _refusal(source, f"boxes of {listing.format}" if listing else "a file of boxes")


def require_no_boxes_beside(folder: Path, others: Sequence[Path]) -> None:
    """Raise a `UsageError` if the files beside the pictures of a folder in a bucket are boxes.

    Args:
        folder: The folder.
        others: All files in it and below that are no pictures.
    """
    for is_format, title in ((are_yolo, "YOLO"), (are_voc, "Pascal VOC")):
        if is_format(folder, others):
            raise _refusal(folder, f"a folder of {title}")


def _refusal(source: Path, kind: str) -> UsageError:
    return UsageError(
        f"{source} is {kind}, and boxes are read from a drive alone: copy it there with its "
        "pictures, for example with `aws s3 cp --recursive`, and name the copy"
    )
