"""The visible files in folders, and the names of pictures among them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePath

from metaadapter.data.table import ImageRow
from metaadapter.errors import DataError
from metaadapter.files.machine_errors import CONNECTION, is_of_network

# In lower case; `decode` reads their formats.
PICTURE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif"),
    *(".tif", ".tiff", ".bmp", ".ppm", ".pgm", ".avif", ".heic", ".heif"),
)
# Files that file managers and archivers leave behind; names that begin with a dot are skipped too.
LEFTOVERS = frozenset({"Thumbs.db", "desktop.ini", "__MACOSX", "@eaDir"})

SPLIT_NAMES = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})


def is_picture(path: PurePath) -> bool:
    """Return whether a file has the name of a picture."""
    return path.suffix.lower() in PICTURE_SUFFIXES


def is_visible(name: str) -> bool:
    """Return whether a file or folder of this name is for a user to see."""
    return not name.startswith(".") and name not in LEFTOVERS


def are_splits(parents: set[tuple[str, ...]]) -> bool:
    """Return whether the uppermost of all these folders are splits, such as train and test."""
    tops = {names[0] for names in parents if names}
    holding_classes = {names[0] for names in parents if len(names) > 1}
    return bool(tops) and tops == holding_classes and {t.lower() for t in tops} <= SPLIT_NAMES


def with_folders(
    rows: Iterable[ImageRow],
    folders_of: Callable[[ImageRow], tuple[str, ...]],
    depth: int,
    *,
    labelled: bool,
) -> Iterator[ImageRow]:
    """Give rows the labels and splits that they lack, by their folders below the source.

    The class folders have `depth` folders above them, 1 if the uppermost are splits, else 0.
    """
    for row in rows:
        names = folders_of(row)
        label = (row.label or class_of(names, depth)) if labelled else None
        yield replace(row, label=label, split=row.split or (names[0] if names[:depth] else None))


def class_of(names: tuple[str, ...], depth: int) -> str | None:
    """Return the label that the folder at a depth gives; None without one."""
    # Macs write é as two characters, unlike most manifests.
    return unicodedata.normalize("NFC", names[depth]) if names[depth:] else None


def walk(folder: Path) -> Iterator[Path]:
    """Yield the visible files in a folder and below, sorted; links to parents are not followed."""
    real = folder.resolve()
    yield from _files(folder, frozenset({real, *real.parents}))


def subfolders(folder: Path) -> list[Path]:
    """Return the visible folders directly in a folder, sorted by path."""
    return sorted(path for path in _visible(folder) if path.is_dir())


def _files(folder: Path, ancestors: frozenset[Path]) -> Iterator[Path]:
    # Sorted folder by folder, so that a list of millions is never in memory.
    for path in sorted(_visible(folder)):
        if not path.is_dir():
            yield path
        elif (real := path.resolve()) not in ancestors:
            yield from _files(path, ancestors | {real})


def _visible(folder: Path) -> list[Path]:
    try:
        paths = list(folder.iterdir())
    except OSError as error:
        raise DataError(
            f"cannot look into the folder {folder}: {error.strerror}; "
            + (CONNECTION if is_of_network(error) else "change its permissions or move it away")
        ) from error
    return [path for path in paths if is_visible(path.name)]
