"""Folders of pictures: one folder per class, perhaps below train/val/test, or without classes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from metaadapter.data.containers import is_tar, read_tars
from metaadapter.data.table import CompactRows, ImageRow, ImageTable
from metaadapter.data.walk import (
    PICTURE_SUFFIXES,
    SPLIT_NAMES,
    are_splits,
    class_of,
    is_picture,
    subfolders,
    walk,
    with_folders,
)
from metaadapter.errors import DataError
from metaadapter.files.regular_files import read_utf8
from metaadapter.files.url import Url

# The file of sentences about a class, one per line, in the folder of the class.
DESCRIPTION_FILE = "class.txt"


def read_folder(folder: Path, *, labelled: bool) -> ImageTable:
    """Read the pictures of a folder, sorted by path, and the sentences of each class.txt.

    A folder without picture files may have tar files of pictures (`read_tars`).
    """
    rest: list[Path] = []
    parents: set[tuple[str, ...]] = set()
    listed = CompactRows(_pictures(folder, rest, parents))
    if not listed and (tars := [path for path in rest if is_tar(path)]):
        return read_tars(tars, folder, labelled=labelled)
    others = _others(rest)
    if not listed:
        reason = f"found only {others}" if others else "found no files"
        raise DataError(
            f"expected pictures ({', '.join(PICTURE_SUFFIXES)}) in the folder {folder}, but "
            f"{reason}; put pictures into it or name another folder"
        )
    warnings = [f"{others} were left out of {folder}"] if others else []
    depth = 1 if are_splits(parents) else 0
    named = with_folders(
        listed, lambda row: row.path.parts[len(folder.parts) : -1], depth, labelled=labelled
    )
    rows = CompactRows(row for row in named if row.label is not None or not labelled)
    if not labelled:
        source = "nested folders" if any(parents) else "flat folder"
        return ImageTable(rows, source, tuple(warnings))

    if not rows:
        raise DataError(
            f"expected one folder per class in {folder}, but its pictures ({len(listed)}) lie "
            "side by side, so their classes are unknown; make a folder for each class and move the "
            f"pictures there, for example to {folder / 'fox' / listed[0].path.name}"
        )
    if n_loose := len(listed) - len(rows):
        warnings.append(f"pictures outside the class folders of {folder} were left out: {n_loose}")
    class_folders = {
        folder.joinpath(*names[: depth + 1]): label
        for names in parents
        if (label := class_of(names, depth)) is not None
    }
    warnings += _empty_classes(class_folders)
    classes = sorted({*class_folders.values()})
    if not depth and {name.lower() for name in classes} <= SPLIT_NAMES:
        warnings.append(
            f"the classes of {folder} are called {' and '.join(classes)}: if these are splits, "
            "put one folder per class into each"
        )
    source = "class-per-folder in splits" if depth else "class-per-folder"
    return ImageTable(rows, source, tuple(warnings), _descriptions(class_folders))


def _pictures(folder: Path, rest: list[Path], parents: set[tuple[str, ...]]) -> Iterator[ImageRow]:
    """Yield the pictures in a folder; add their folders to `parents`, other files to `rest`."""
    for path in walk(folder):
        if is_picture(path):
            parents.add(path.parts[len(folder.parts) : -1])
            yield ImageRow(path, None, size=path.stat().st_size if isinstance(path, Url) else 0)
        elif path.name != DESCRIPTION_FILE:
            rest.append(path)


def _descriptions(class_folders: Mapping[Path, str]) -> dict[str, tuple[str, ...]]:
    sentences = defaultdict[str, dict[str, None]](dict)
    for folder, label in sorted(class_folders.items()):
        if (file := folder / DESCRIPTION_FILE).is_file():
            text = read_utf8(file, "sentences on a class", saved_as="it as plain text in UTF-8")
            lines = (" ".join(line.split()) for line in text.splitlines())
            sentences[label].update(dict.fromkeys(line for line in lines if line))
    return {label: tuple(lines) for label, lines in sentences.items() if lines}


def _others(files: Sequence[Path]) -> str:
    counts = Counter(path.suffix.lower() or "no ending" for path in files if not is_picture(path))
    kinds = ", ".join(f"{n} {suffix}" for suffix, n in counts.most_common(5))
    return f"files whose ending is not that of a picture ({kinds})" if counts else ""


def _empty_classes(filled: Collection[Path]) -> list[str]:
    return [
        f"the class folder {path} holds no pictures: put some into it, or delete it"
        for parent in sorted({path.parent for path in filled})
        for path in subfolders(parent)
        if path not in filled
    ]
