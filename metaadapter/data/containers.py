"""Tar and Parquet files that hold pictures: one file, or a folder of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from metaadapter.data.packed import TarMember
from metaadapter.data.parquet_pictures import list_parquet, picture_column
from metaadapter.data.table import CompactRows, ImageRow, ImageTable
from metaadapter.data.tar_pictures import list_tar
from metaadapter.data.walk import SPLIT_NAMES, are_splits
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
    warnings: list[str] = []
    listed = CompactRows(row for file in files for row in _list(file, warnings))
    if not listed:
        raise DataError(
            f"expected pictures in {source}, but its tar or Parquet files ({len(files)}) hold none"
            f"{''.join(f'; {warning}' for warning in warnings)}"
        )
    listed = _last_of_each_name(listed, warnings)
    of_files = _splits(files, source)
    depth = 1 if are_splits({folders for row in listed if (folders := _folders(row))}) else 0

    def with_facts(row: ImageRow) -> ImageRow:
        folders, container = _folders(row), row.packed.container if row.packed else row.path
        label = row.label or (folders[depth] if folders[depth:] else None) if labelled else None
        split = row.split or of_files.get(container) or (folders[0] if folders[:depth] else None)
        # Macs write é as two characters, unlike most manifests.
        label = unicodedata.normalize("NFC", label) if label else None
        return replace(row, label=label, split=split)

    rows = CompactRows(row for row in map(with_facts, listed) if row.label or not labelled)
    kind = files[0].suffix.lower()
    if not rows:
        raise DataError(
            f"expected a class for each picture in {source}, but none of {len(listed)} has "
            f"one; {LABELS[kind]}"
        )
    if n_left := len(listed) - len(rows):
        warnings.append(f"pictures without a class in {source} were left out: {n_left}")
    return ImageTable(rows, f"{'tar' if kind == TAR else 'Parquet'} files", tuple(warnings))


def _list(file: Path, warnings: list[str]) -> Iterable[ImageRow]:
    if file.suffix.lower() == TAR:
        return list_tar(file, warnings)
    column = picture_column(file)
    if column is None:
        raise DataError(
            f"expected a column of pictures in {file}, like the other Parquet files in its folder, "
            "but it has none; move it away"
        )
    return list_parquet(file, column)


def _last_of_each_name(listed: CompactRows, warnings: list[str]) -> CompactRows:
    """Leave out tar members that are there again later, as they are replaced when unpacked."""
    names = (hash(row.path if isinstance(row.packed, TarMember) else row.packed) for row in listed)
    hashes = np.fromiter(names, np.int64, len(listed))
    last = len(listed) - 1 - np.unique(hashes[::-1], return_index=True)[1]
    if len(last) == len(listed):
        return listed
    warnings.append(
        f"{len(listed) - len(last)} picture(s) in tar files are there again under the same name; "
        "the last one counts, as when they are unpacked"
    )
    return CompactRows(listed[number] for number in sorted(last.tolist()))


def _folders(row: ImageRow) -> tuple[str, ...]:
    """Return the folders of a member within its tar file."""
    member = row.packed
    if not isinstance(member, TarMember):
        return ()
    return row.path.relative_to(member.container).parts[:-1]


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
