"""Folders of pictures: one folder per class, perhaps below train/val/test, or without classes."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from metaadapter.data.containers import holds_pictures, read_containers
from metaadapter.data.picture_names import (
    PICTURE_SUFFIXES,
    SPLIT_NAMES,
    are_splits,
    is_picture,
    is_visible,
)
from metaadapter.data.regular_files import regular
from metaadapter.data.table import ImageRow, ImageTable
from metaadapter.errors import DataError

# The file of sentences about a class, one per line, in the folder of the class.
DESCRIPTION_FILE = "class.txt"
MOST_DESCRIPTION_BYTES = 65_536


def read_folder(folder: Path, *, labelled: bool) -> ImageTable:
    """Read the pictures of a folder, sorted by path, and the sentences of each class.txt.

    A folder without picture files may have tar or Parquet files of pictures (`read_containers`).
    """
    files = [path for path in walk(folder) if path.name != DESCRIPTION_FILE]
    pictures = [path for path in files if is_picture(path)]
    if not pictures and (containers := [path for path in files if holds_pictures(path)]):
        return read_containers(containers, folder, labelled=labelled)
    others = _others(files)
    if not pictures:
        reason = f"found only {others}" if others else "found no files"
        raise DataError(
            f"expected pictures ({', '.join(PICTURE_SUFFIXES)}) in the folder {folder}, but "
            f"{reason}; put pictures into it or name another folder"
        )
    warnings = [f"{others} were left out of {folder}"] if others else []
    parents = [path.relative_to(folder).parts[:-1] for path in pictures]
    depth = 1 if are_splits({*parents}) else 0
    rows = [
        ImageRow(
            path,
            # Macs write é as two characters, unlike most manifests.
            unicodedata.normalize("NFC", names[depth]) if labelled and names[depth:] else None,
            names[0] if depth and names else None,
        )
        for path, names in zip(pictures, parents, strict=True)
    ]
    if not labelled:
        source = "nested folders" if any(parents) else "flat folder"
        return ImageTable(tuple(rows), source, tuple(warnings))

    rows = [row for row in rows if row.label is not None]
    if not rows:
        raise DataError(
            f"expected one folder per class in {folder}, but its pictures ({len(pictures)}) lie "
            "side by side, so their classes are unknown; make a folder for each class and move the "
            f"pictures there, for example to {folder / 'fox' / pictures[0].name}"
        )
    if n_loose := len(pictures) - len(rows):
        warnings.append(f"pictures outside the class folders of {folder} were left out: {n_loose}")
    warnings += _empty_classes(folder, rows, depth)
    classes = sorted({str(row.label) for row in rows})
    if not depth and {name.lower() for name in classes} <= SPLIT_NAMES:
        warnings.append(
            f"the classes of {folder} are called {' and '.join(classes)}: if these are splits, "
            "put one folder per class into each"
        )
    source = "class-per-folder in splits" if depth else "class-per-folder"
    return ImageTable(tuple(rows), source, tuple(warnings), _descriptions(folder, rows, depth))


def walk(folder: Path) -> list[Path]:
    """Return the visible files in a folder and below, sorted; links to parents are not followed."""
    real = folder.resolve()
    return sorted(_files(folder, frozenset({real, *real.parents})))


def subfolders(folder: Path) -> list[Path]:
    """Return the visible folders directly in a folder, sorted by path."""
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
    return [path for path in paths if is_visible(path.name)]


def _descriptions(folder: Path, rows: Sequence[ImageRow], depth: int) -> dict[str, tuple[str, ...]]:
    sentences: dict[str, dict[str, None]] = {}
    class_folders = {
        folder.joinpath(*row.path.relative_to(folder).parts[: depth + 1]): str(row.label)
        for row in rows
    }
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


def _empty_classes(folder: Path, rows: Sequence[ImageRow], depth: int) -> list[str]:
    class_parts = {row.path.relative_to(folder).parts[: depth + 1] for row in rows}
    filled = {folder.joinpath(*parts) for parts in class_parts}
    return [
        f"the class folder {path} holds no pictures: put some into it, or delete it"
        for parent in sorted({path.parent for path in filled})
        for path in subfolders(parent)
        if path not in filled
    ]
