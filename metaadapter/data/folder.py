"""Folders of pictures: one folder per class, perhaps below train/val/test, or without classes."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from metaadapter.data.containers import holds_pictures, read_containers
from metaadapter.data.regular_files import regular
from metaadapter.data.table import CompactRows, ImageRow, ImageTable
from metaadapter.data.url import Url
from metaadapter.data.walk import (
    PICTURE_SUFFIXES,
    SPLIT_NAMES,
    are_splits,
    is_picture,
    subfolders,
    walk,
)
from metaadapter.errors import DataError

# The file of sentences about a class, one per line, in the folder of the class.
DESCRIPTION_FILE = "class.txt"
MOST_DESCRIPTION_BYTES = 65_536


def read_folder(folder: Path, *, labelled: bool) -> ImageTable:
    """Read the pictures of a folder, sorted by path, and the sentences of each class.txt.

    A folder without picture files may have tar or Parquet files of pictures (`read_containers`).
    """
    rest: list[Path] = []
    parents: set[tuple[str, ...]] = set()
    listed = CompactRows(_pictures(folder, rest, parents))
    if not listed and (containers := [path for path in rest if holds_pictures(path)]):
        return read_containers(containers, folder, labelled=labelled)
    others = _others(rest)
    if not listed:
        reason = f"found only {others}" if others else "found no files"
        raise DataError(
            f"expected pictures ({', '.join(PICTURE_SUFFIXES)}) in the folder {folder}, but "
            f"{reason}; put pictures into it or name another folder"
        )
    warnings = [f"{others} were left out of {folder}"] if others else []
    depth = 1 if are_splits(parents) else 0
    if not labelled:
        source = "nested folders" if any(parents) else "flat folder"
        rows = CompactRows(_with_facts(folder, row, depth, labelled=False) for row in listed)
        return ImageTable(rows, source, tuple(warnings))

    rows = CompactRows(
        row
        for row in (_with_facts(folder, row, depth, labelled=True) for row in listed)
        if row.label is not None
    )
    if not rows:
        raise DataError(
            f"expected one folder per class in {folder}, but its pictures ({len(listed)}) lie "
            "side by side, so their classes are unknown; make a folder for each class and move the "
            f"pictures there, for example to {folder / 'fox' / listed[0].path.name}"
        )
    if n_loose := len(listed) - len(rows):
        warnings.append(f"pictures outside the class folders of {folder} were left out: {n_loose}")
    class_parts = {names[: depth + 1] for names in parents if names[depth:]}
    warnings += _empty_classes(folder, class_parts)
    classes = sorted({_label(parts) for parts in class_parts})
    if not depth and {name.lower() for name in classes} <= SPLIT_NAMES:
        warnings.append(
            f"the classes of {folder} are called {' and '.join(classes)}: if these are splits, "
            "put one folder per class into each"
        )
    source = "class-per-folder in splits" if depth else "class-per-folder"
    return ImageTable(rows, source, tuple(warnings), _descriptions(folder, class_parts))


def _pictures(folder: Path, rest: list[Path], parents: set[tuple[str, ...]]) -> Iterator[ImageRow]:
    """Yield the pictures in a folder; add their folders to `parents`, other files to `rest`."""
    for path in walk(folder):
        if is_picture(path):
            parents.add(_parents(folder, path))
            yield ImageRow(path, None, version=path.version() if isinstance(path, Url) else 0)
        elif path.name != DESCRIPTION_FILE:
            rest.append(path)


def _parents(folder: Path, path: Path) -> tuple[str, ...]:
    return path.parts[len(folder.parts) : -1]


def _with_facts(folder: Path, row: ImageRow, depth: int, *, labelled: bool) -> ImageRow:
    names = _parents(folder, row.path)
    label = _label(names[: depth + 1]) if labelled and names[depth:] else None
    return replace(row, label=label, split=names[0] if depth and names else None)


def _label(class_parts: tuple[str, ...]) -> str:
    # Macs write é as two characters, unlike most manifests.
    return unicodedata.normalize("NFC", class_parts[-1])


def _descriptions(
    folder: Path, class_parts: Iterable[tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    sentences: dict[str, dict[str, None]] = {}
    class_folders = {folder.joinpath(*parts): _label(parts) for parts in class_parts}
    for class_folder, label in sorted(class_folders.items()):
        if (file := class_folder / DESCRIPTION_FILE).is_file():
            lines = (" ".join(line.split()) for line in _text(file).splitlines())
            sentences.setdefault(label, {}).update(dict.fromkeys(line for line in lines if line))
    return {label: tuple(lines) for label, lines in sentences.items() if lines}


def _text(file: Path) -> str:
    try:
        with regular(file).open("rb") as opened:
            content = opened.read(MOST_DESCRIPTION_BYTES + 1)
        if len(content) > MOST_DESCRIPTION_BYTES:
            raise DataError(
                f"expected a few sentences on a class in {file}, but it has more than "
                f"{MOST_DESCRIPTION_BYTES} bytes; shorten it, or rename it if it is no description"
            )
        if b"\0" in content:
            raise ValueError("it has a zero byte, so it is no text")
        return content.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = "it is not in UTF-8" if isinstance(error, UnicodeDecodeError) else error
        raise DataError(
            f"cannot read the sentences on a class in {file}: {reason}; save it as plain text in "
            "UTF-8, or remove it"
        ) from error


def _others(files: Sequence[Path]) -> str:
    counts = Counter(path.suffix.lower() or "no ending" for path in files if not is_picture(path))
    kinds = ", ".join(f"{n} {suffix}" for suffix, n in counts.most_common(5))
    return f"files whose ending is not that of a picture ({kinds})" if counts else ""


def _empty_classes(folder: Path, class_parts: Iterable[tuple[str, ...]]) -> list[str]:
    filled = {folder.joinpath(*parts) for parts in class_parts}
    return [
        f"the class folder {path} holds no pictures: put some into it, or delete it"
        for parent in sorted({path.parent for path in filled})
        for path in subfolders(parent)
        if path not in filled
    ]
