"""Tar and Parquet files that hold pictures: one file, or a folder of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from metaadapter.data.parquet_pictures import list_parquet, picture_column
from metaadapter.data.table import CompactRows, ImageRow, ImageTable
from metaadapter.data.tar_pictures import list_tar
from metaadapter.data.walk import SPLIT_NAMES, are_splits, with_folders
from metaadapter.errors import DataError

TAR, PARQUET = ".tar", ".parquet"
# Parquet files of Hugging Face are called train-00000-of-00010.parquet.
FIRST_WORD = re.compile(r"[a-z]+(?=[-_.]|$)", re.IGNORECASE)
LABELS = {
    TAR: "put a member KEY.cls or KEY.json with a key 'label' beside KEY.jpg, or put the "
    "pictures of each class into a folder of their own",
    PARQUET: "add a column 'label'",
}


def holds_pictures(path: Path) -> bool:
    """Return whether a file is a tar file, by its name, or a Parquet file with pictures in it."""
    suffix = path.suffix.lower()
    return suffix == TAR or (suffix == PARQUET and picture_column(path) is not None)


def read_containers(files: Sequence[Path], source: Path, *, labelled: bool) -> ImageTable:
    """List the pictures of tar and Parquet files, file by file, in the order of the members.

    The split is the folder of the file (train, val, test), or the first word of its name; or the
    uppermost folder in a tar file. A picture's label is in its file (`list_tar`, `list_parquet`),
    or the folder of the member.

    Args:
        files: The files.
        source: The file or folder that the user named.
        labelled: Whether pictures need a label; those without one are left out.

    Raises:
        DataError: A file cannot be read, or no picture has a label that needs one.
    """
    warnings, splits, kind = list[str](), _splits(files, source), files[0].suffix.lower()
    listed = CompactRows(row for file in files for row in _list(file, warnings, splits))
    if not listed:
        raise DataError(
            f"expected pictures in {source}, but its tar or Parquet files ({len(files)}) hold none"
            f"{''.join(f'; {warning}' for warning in warnings)}"
        )
    depth = 1 if are_splits({folders for row in listed if (folders := _folders(row))}) else 0
    named = with_folders(listed, _folders, depth, labelled=labelled)
    rows = CompactRows(row for row in named if row.label or not labelled)
    if not rows:
        raise DataError(
            f"expected a class for each picture in {source}, but none of {len(listed)} has "
            f"one; {LABELS[kind]}"
        )
    if n_left := len(listed) - len(rows):
        warnings.append(f"pictures without a class in {source} were left out: {n_left}")
    return ImageTable(rows, f"{'tar' if kind == TAR else 'Parquet'} files", tuple(warnings))


def _list(file: Path, warnings: list[str], splits: dict[Path, str]) -> Iterable[ImageRow]:
    rows = list_tar(file, warnings) if file.suffix.lower() == TAR else list_parquet(file)
    for row in rows:
        yield replace(row, split=row.split or splits.get(file))


def _folders(row: ImageRow) -> tuple[str, ...]:
    """Return the folders of a member within its tar file."""
    if row.packed is None or row.packed.column:
        return ()
    return row.path.relative_to(row.packed.container).parts[:-1]


def _splits(files: Sequence[Path], source: Path) -> dict[Path, str]:
    """Return the split of each file by its folder or name; empty unless all have one."""
    splits = {}
    for file in files:
        parts = file.relative_to(source).parts if file != source else (file.name,)
        match = FIRST_WORD.match(parts[-1])
        names = [parts[0], *([match[0]] if match else [])]
        split = next((name for name in names if name.lower() in SPLIT_NAMES), None)
        if split is None:
            return {}
        splits[file] = split
    return splits
