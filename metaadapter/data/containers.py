"""Tar and Parquet files that hold pictures: one file, or a folder of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from metaadapter.data.packed import TarMember
from metaadapter.data.parquet_pictures import list_parquet, picture_column
from metaadapter.data.picture_names import SPLIT_NAMES, are_splits
from metaadapter.data.table import TEXTS, CompactRows, ImageRow, ImageTable
from metaadapter.data.tar_pictures import PackedPicture, list_tar
from metaadapter.errors import DataError

TAR, PARQUET = ".tar", ".parquet"
# Parquet files of Hugging Face are called train-00000-of-00010.parquet.
FIRST_WORD = re.compile(r"[a-z]+(?=[-_.]|$)", re.IGNORECASE)


def is_tar(path: Path) -> bool:
    """Return whether a file has the name of a tar file."""
    return path.suffix.lower() == TAR


def holds_pictures(path: Path) -> bool:
    """Return whether a file is a tar file, by its name, or a Parquet file with pictures in it."""
    is_parquet = path.suffix.lower() == PARQUET
    return is_tar(path) or (is_parquet and picture_column(path) is not None)


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
        MissingPackage: Reading Parquet needs pyarrow.
    """
    warnings: list[str] = []
    folders: set[tuple[str, ...]] = set()
    listed = CompactRows(
        _row(picture, folders) for file in files for picture in _list(file, warnings)
    )
    if not listed:
        raise DataError(
            f"expected pictures in {source}, but its tar or Parquet files ({len(files)}) hold none"
            f"{''.join(f'; {warning}' for warning in warnings)}"
        )
    if any(map(is_tar, files)):
        listed = _as_unpacked(listed, warnings)
    splits = _splits(files, source)
    depth = 1 if are_splits(folders) else 0
    rows = CompactRows(
        row
        for row in map(partial(_with_facts, splits, depth, labelled=labelled), listed)
        if row.label is not None or not labelled
    )
    kind = "tar" if is_tar(files[0]) else "Parquet"
    if not rows:
        raise DataError(
            f"expected a class for each picture in {source}, but none of {len(listed)} has "
            f"one; {_LABELS[kind]}"
        )
    if n_left := len(listed) - len(rows):
        warnings.append(f"pictures without a class in {source} were left out: {n_left}")
    return ImageTable(rows, f"{kind} files", tuple(warnings))


_LABELS = {
    "tar": "put a member KEY.cls or KEY.json with a key 'label' beside KEY.jpg, or put the "
    "pictures of each class into a folder of their own",
    "Parquet": "add a column 'label'",
}


def _list(file: Path, warnings: list[str]) -> Iterable[PackedPicture]:
    if is_tar(file):
        return list_tar(file, warnings)
    column = picture_column(file)
    if column is None:
        raise DataError(
            f"expected a column of pictures in {file}, like the other Parquet files in its folder, "
            "but it has none; move it away"
        )
    return list_parquet(file, column)


def _row(picture: PackedPicture, folders: set[tuple[str, ...]]) -> ImageRow:
    """Return a row with the facts of the picture itself; add its folders to `folders`."""
    place = picture.place
    if isinstance(place, TarMember):
        folders.add(_folders(place))
    facts = (picture.label or None, picture.split or None, picture.group or None)
    return ImageRow(place.path, *facts, None, picture.caption or None, place)


def _as_unpacked(listed: CompactRows, warnings: list[str]) -> CompactRows:
    """Return each tar member once, with the content that unpacking leaves: that of the last one.

    A name that is appended again keeps its place, and the facts that only its first sample has.
    """
    names = (hash(row.path if isinstance(row.packed, TarMember) else row.packed) for row in listed)
    hashes = np.fromiter(names, np.int64, len(listed))
    order = np.argsort(hashes, kind="stable")
    is_same = hashes[order][1:] == hashes[order][:-1]
    if not is_same.any():
        return listed
    last: dict[Path, ImageRow] = {}
    for number in sorted({*order[1:][is_same].tolist(), *order[:-1][is_same].tolist()}):
        row = listed[number]
        first = last.get(row.path, row)
        facts = {name: getattr(row, name) or getattr(first, name) for name in TEXTS}
        last[row.path] = replace(row, **facts)
    seen: set[Path] = set()

    def once() -> Iterator[ImageRow]:
        for row in listed:
            if row.path not in last or not isinstance(row.packed, TarMember):
                yield row
            elif row.path not in seen:
                seen.add(row.path)
                yield last[row.path]

    kept = CompactRows(once())
    if n_replaced := len(listed) - len(kept):
        warnings.append(
            f"{n_replaced} picture(s) in tar files are there again under the same name; the last "
            "one counts, as when they are unpacked"
        )
    return kept


def _with_facts(
    splits: Mapping[Path, str], depth: int, row: ImageRow, *, labelled: bool
) -> ImageRow:
    """Return a row with the label and split of its folders and its container."""
    place = row.packed
    assert place is not None, "only packed pictures are listed"
    folders = _folders(place) if isinstance(place, TarMember) else ()
    label = row.label or (folders[depth] if folders[depth:] else None) if labelled else None
    split = row.split or splits.get(place.container) or (folders[0] if folders[:depth] else None)
    # Macs write é as two characters, unlike most manifests.
    return replace(row, label=unicodedata.normalize("NFC", label) if label else None, split=split)


def _folders(member: TarMember) -> tuple[str, ...]:
    return member.path.relative_to(member.container).parts[:-1]


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
