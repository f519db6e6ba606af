"""Read pictures and labels from any kind of source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from metaadapter.data.boxes.boxed_table import MIN_CONFIDENCE, boxed_table
from metaadapter.data.boxes.formats import recognized
from metaadapter.data.containers import is_tar, read_tars
from metaadapter.data.folder import read_folder
from metaadapter.data.manifest import is_manifest, read_manifest
from metaadapter.data.table import CompactRows, ImageRow, ImageTable
from metaadapter.errors import DataError, UsageError
from metaadapter.files.machine_errors import CONNECTION, is_of_network
from metaadapter.files.regular_files import expanded, not_found

ALL_SPLITS = "all"
DEMO = Path(__file__).parents[1] / "assets" / "demo" / "pictures"
"""The photographs in the package, in a folder for each class."""


def read_images(
    source: Path | str,
    *,
    labelled: bool = True,
    split: str | None = None,
    n_classes: int = 2,
    pictures: Path | None = None,
    min_confidence: float = MIN_CONFIDENCE,
) -> ImageTable:
    """Read a list of pictures, with their labels, from a folder or a file; no picture is decoded.

    Args:
        source: A path or URL: a folder with one folder per class, perhaps inside train/val/test
            folders; a CSV, JSON lines or Parquet manifest with the columns path, label and
            optionally split and group; a tar file of WebDataset, or a folder of them; or, on a
            drive, boxes with labels as COCO, YOLO, Pascal VOC, CVAT, Label Studio or MegaDetector
            have them: each box is a row.
            If not labelled, also one picture, or folders nested in any way.
        labelled: Whether every picture needs a label; if not, all labels are None.
        split: Read only this split of a divided source; "all" reads every split. It is required
            for a labelled source with several splits, so that test pictures do not become examples.
        n_classes: The fewest classes that a labelled source must have, 1 or 2.
        pictures: The folder of the pictures that a source of boxes names; by default they are
            looked for near the source.
        min_confidence: Boxes of a lower confidence are left out of a source of boxes.

    Raises:
        DataError: The source is missing, or lacks pictures, labels or classes.
        UsageError: The split is unknown, or must be chosen.
    """
    source = expanded(source)
    try:
        exists = source.exists()
    except OSError as error:
        remedy = f"; {CONNECTION}" if is_of_network(error) else ""
        raise DataError(f"cannot look for {source}: {error.strerror}{remedy}") from error
    if not exists:
        raise DataError(not_found(source))
    table = _read(source, labelled, pictures, min_confidence)
    table = _select_split(table, source, split, labelled)
    if labelled and len(table.classes) < n_classes:
        raise DataError(
            f"expected at least two classes in {source}, but all pictures ({len(table.rows)}) are "
            f"of the class {table.classes[0]!r}; add pictures of a second class, or name another "
            "folder" + "".join(f" ({warning})" for warning in table.warnings)
        )
    return table


def _read(source: Path, labelled: bool, pictures: Path | None, min_confidence: float) -> ImageTable:
    listing = recognized(source)
    if listing is not None:
        return boxed_table(
            listing, source, labelled=labelled, pictures=pictures, min_confidence=min_confidence
        )
    if pictures is not None:
        raise UsageError(
            f"pictures (--pictures) is the folder of the pictures that boxes belong to, and "
            f"{source} has no boxes; leave it out"
        )
    if source.is_dir():
        return read_folder(source, labelled=labelled)
    if is_tar(source):
        return read_tars([source], source, labelled=labelled)
    if is_manifest(source):
        return read_manifest(source, labelled=labelled)
    if labelled:
        raise DataError(
            f"expected labelled pictures: a folder with one folder per class, a manifest (.csv, "
            f".jsonl, .parquet), a tar file or boxes (.json, .xml, .yaml); "
            f"but {source} is a single file"
        )
    return ImageTable((ImageRow(source, None),), "one picture")


def _select_split(table: ImageTable, source: Path, split: str | None, labelled: bool) -> ImageTable:
    splits = table.splits
    listed = ", ".join(f"{name} ({n})" for name, n in splits.items())
    if split is None and labelled and len(splits) > 1:
        first = "train" if "train" in splits else next(iter(splits))
        has_folder = (source / first).is_dir()
        inner = f"give one of them, such as {source / first}, or " if has_folder else ""
        raise UsageError(
            f"{source} is divided into {listed}: {inner}choose a split, or {ALL_SPLITS!r}; "
            f"`metaadapter encode --split {first}` makes a store of one, which every command takes"
        )
    if split is None or split == ALL_SPLITS:
        return table
    if split not in splits:
        raise UsageError(
            f"split {split!r} was asked for, but {source} "
            + (f"is divided into {listed}" if listed else "is not divided into splits")
        )
    return replace(table, rows=CompactRows(row for row in table.rows if row.split == split))
