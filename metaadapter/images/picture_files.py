"""Which files of a folder are pictures, and finding them all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from metaadapter.errors import DataError

__all__ = ["PICTURE_SUFFIXES", "is_picture", "subfolders", "walk"]

# In lower case; the formats are those that decode.py reads.
PICTURE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif"),
    *(".tif", ".tiff", ".bmp", ".ppm", ".pgm"),
)

# What file managers and archivers leave behind, beside names that begin with a dot.
LEFTOVERS = frozenset({"Thumbs.db", "desktop.ini", "__MACOSX", "@eaDir"})


def is_picture(path: Path) -> bool:
    """Tell by its name whether a file is a picture."""
    return path.suffix.lower() in PICTURE_SUFFIXES


def walk(folder: Path) -> list[Path]:
    """List the visible files in a folder and below, sorted by path.

    Links to folders are followed, except where one leads back to a folder it lies in.
    """
    real = folder.resolve()
    return sorted(_files(folder, frozenset({real, *real.parents})))


def subfolders(folder: Path) -> list[Path]:
    """List the visible folders directly in a folder, sorted by path."""
    return sorted(path for path in _visible(folder) if path.is_dir())


def _files(folder: Path, ancestors: frozenset[Path]) -> Iterator[Path]:
    for path in _visible(folder):
        if not path.is_dir():
            yield path
        elif (real := path.resolve()) not in ancestors:
            yield from _files(path, ancestors | {real})


def _visible(folder: Path) -> list[Path]:
    try:
        paths = list(folder.iterdir())
    except OSError as error:
        raise DataError(
            f"cannot look into the folder {folder}: {error.strerror}; change its permissions or "
            "move it away"
        ) from error
    return [p for p in paths if not p.name.startswith(".") and p.name not in LEFTOVERS]
