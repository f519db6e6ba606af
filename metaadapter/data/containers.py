"""Tar files that hold pictures: one file, or a folder of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from metaadapter.data.table import CompactRows, ImageRow, ImageTable
from metaadapter.data.tar_pictures import list_tar
from metaadapter.data.walk import SPLIT_NAMES, are_splits, with_folders
from metaadapter.errors import DataError

# Files of WebDataset are called train-000000.tar.
FIRST_WORD = re.compile(r"[a-z]+(?=[-_.]|$)", re.IGNORECASE)


def is_tar(path: Path) -> bool:
    """Return whether a file has the name of a tar file."""
    return path.suffix.lower() == ".tar"


def read_tars(files: Sequence[Path], source: Path, *, labelled: bool) -> ImageTable:
    """List the pictures of tar files, file by file, in the order of the members.

    The split is the folder of the file (train, val, test), or the first word of its name; or the
    uppermost folder in a tar file. A picture's label is in its file (`list_tar`), or the folder of
    the member.

    Args:
        files: The files.
        source: The file or folder that the user named.
        labelled: Whether pictures need a label; those without one are left out.

    Raises:
        DataError: A file cannot be read, or no picture has a label that needs one.
    """
    warnings, splits = list[str](), _splits(files, source)
    listed = CompactRows(
        replace(row, split=splits.get(file)) for file in files for row in list_tar(file, warnings)
    )
    if not listed:
        raise DataError(
            f"expected pictures in {source}, but its tar files ({len(files)}) hold none"
            f"{''.join(f'; {warning}' for warning in warnings)}"
        )
    depth = 1 if are_splits({folders for row in listed if (folders := _folders(row))}) else 0
    named = with_folders(listed, _folders, depth, labelled=labelled)
    rows = CompactRows(row for row in named if row.label or not labelled)
    if not rows:
        raise DataError(
            f"expected a class for each picture in {source}, but none of {len(listed)} has one; "
            "put a member KEY.cls or KEY.json with a key 'label' beside KEY.jpg, or put the "
            "pictures of each class into a folder of their own"
        )
    if n_left := len(listed) - len(rows):
        warnings.append(f"pictures without a class in {source} were left out: {n_left}")
    return ImageTable(rows, "tar files", tuple(warnings))


def _folders(row: ImageRow) -> tuple[str, ...]:
    """Return the folders of a member within its tar file."""
    return row.path.parts[len(row.packed.container.parts) : -1] if row.packed else ()


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
