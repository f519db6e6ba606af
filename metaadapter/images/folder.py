"""Folders of pictures: one folder per class, perhaps below train/val/test, or without classes."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from metaadapter.errors import DataError
from metaadapter.images.picture_files import PICTURE_SUFFIXES, is_picture, subfolders, walk
from metaadapter.images.table import ImageRow, ImageTable

__all__ = ["read_folder"]

SPLIT_NAMES = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})


def read_folder(folder: Path, *, labelled: bool) -> ImageTable:
    """Read the pictures of a folder.

    Args:
        folder: Holds one folder per class, or train/val/test folders that do; pictures in deeper
            folders belong to the class above them. Any arrangement will do if not labelled.
        labelled: Take the class from the folder's name; otherwise all labels are None.

    Returns:
        The pictures sorted by path.

    Raises:
        DataError: No pictures, or pictures without folders for their classes.
    """
    files = walk(folder)
    pictures = [path for path in files if is_picture(path)]
    others = _others(files)
    if not pictures:
        raise DataError(_no_pictures(folder, others))
    warnings = [f"{others} were left out of {folder}"] if others else []
    depth = 1 if _has_splits(folder, pictures) else 0
    if not labelled:
        nested = any(path.parent != folder for path in pictures)
        rows = tuple(ImageRow(path, None, _split(folder, path, depth)) for path in pictures)
        return ImageTable(rows, "nested folders" if nested else "flat folder", tuple(warnings))

    rows = tuple(_labelled_rows(folder, pictures, depth))
    if not rows:
        raise DataError(_flat(folder, pictures))
    if n_loose := len(pictures) - len(rows):
        warnings.append(f"pictures outside the class folders of {folder} were left out: {n_loose}")
    warnings += _empty_classes(folder, rows, depth)
    warnings += _doubtful_names(folder, rows, depth)
    source = "class-per-folder in splits" if depth else "class-per-folder"
    return ImageTable(rows, source, tuple(warnings))


def _labelled_rows(folder: Path, pictures: Sequence[Path], depth: int) -> Iterator[ImageRow]:
    for path in pictures:
        parents = path.relative_to(folder).parts[:-1]
        if len(parents) > depth:
            # Macs spell é in two characters, so that it would differ from the é of a manifest.
            label = unicodedata.normalize("NFC", parents[depth])
            yield ImageRow(path, label, _split(folder, path, depth))


def _split(folder: Path, path: Path, depth: int) -> str | None:
    parents = path.relative_to(folder).parts[:-1]
    return parents[0] if depth and parents else None


def _has_splits(folder: Path, pictures: Sequence[Path]) -> bool:
    """Tell whether all top folders are named as splits and hold class folders."""
    parents = [path.relative_to(folder).parts[:-1] for path in pictures]
    tops = {names[0] for names in parents if names}
    holding_classes = {names[0] for names in parents if len(names) > 1}
    return bool(tops) and tops == holding_classes and {t.lower() for t in tops} <= SPLIT_NAMES


def _others(files: Sequence[Path]) -> str:
    counts = Counter(path.suffix.lower() or "no ending" for path in files if not is_picture(path))
    if not counts:
        return ""
    kinds = ", ".join(f"{n} {suffix}" for suffix, n in counts.most_common(5))
    return f"files whose ending is not that of a picture ({kinds})"


def _empty_classes(folder: Path, rows: Sequence[ImageRow], depth: int) -> list[str]:
    class_parts = {row.path.relative_to(folder).parts[: depth + 1] for row in rows}
    filled = {folder.joinpath(*parts) for parts in class_parts}
    return [
        f"the class folder {path} holds no pictures: put some into it, or delete it"
        for parent in sorted({path.parent for path in filled})
        for path in subfolders(parent)
        if path not in filled
    ]


def _doubtful_names(folder: Path, rows: Sequence[ImageRow], depth: int) -> list[str]:
    names = sorted({str(row.label) for row in rows})
    if depth or not {name.lower() for name in names} <= SPLIT_NAMES:
        return []
    return [
        f"the classes of {folder} are called {' and '.join(names)}: if these are splits, put one "
        "folder per class into each"
    ]


def _no_pictures(folder: Path, others: str) -> str:
    found = f"found only {others}" if others else "found no files"
    return (
        f"expected pictures ({', '.join(PICTURE_SUFFIXES)}) in the folder {folder}, but {found}; "
        "put pictures into it or name another folder"
    )


def _flat(folder: Path, pictures: Sequence[Path]) -> str:
    return (
        f"expected one folder per class in {folder}, but its pictures ({len(pictures)}) lie side "
        "by side, so their classes are unknown; make a folder for each class and move the "
        f"pictures there, for example to {folder / 'fox' / pictures[0].name}"
    )
