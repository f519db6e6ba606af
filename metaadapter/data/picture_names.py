"""Names of pictures, and of files that are not for a user to see."""

from __future__ import annotations

from pathlib import PurePath

# In lower case; `decode` reads their formats.
PICTURE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif"),
    *(".tif", ".tiff", ".bmp", ".ppm", ".pgm"),
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
