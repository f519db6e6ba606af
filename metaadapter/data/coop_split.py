"""CoOp's split files: JSON with train, val and test lists of [path, label index, class name]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from metaadapter.data.folder import subfolders
from metaadapter.data.regular_files import is_regular, regular
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.data.table import ImageRow, ImageTable
from metaadapter.errors import DataError

SPLITS = ("train", "val", "test")

Entry = tuple[str, int, str]  # path, label index, class name


def read_coop_split(file: Path, *, labelled: bool) -> ImageTable:
    """Read the pictures of a file such as `split_zhou_OxfordPets.json`, in file order."""
    entries = [
        (split, *_entry(file, split, number, entry))
        for split, items in _lists(file).items()
        for number, entry in enumerate(items, start=1)
    ]
    if not entries:
        raise DataError(f"expected pictures in the lists of {file}, but they are all empty")
    pairs = sorted({(index, name) for _, _, index, name in entries})
    _require_one(file, "class name", [(f"label index {index}", name) for index, name in pairs])
    _require_one(file, "label index", [(f"class name {name}", str(index)) for index, name in pairs])
    root = _root(file, [entry[1] for entry in entries])
    rows = tuple(
        ImageRow(root / path, name if labelled else None, split) for split, path, _, name in entries
    )
    return ImageTable(rows, "CoOp split JSON")


def _lists(file: Path) -> Mapping[str, Sequence[object]]:
    expected = f"expected lists 'train', 'val' and 'test' (a CoOp split) in {file}"
    try:
        content = parse_json(regular(file).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"{expected}, but it cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{expected}, but it is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise DataError(
            f"{expected}, but it holds a {type(content).__name__}; a table with one object per "
            "line needs a name that ends in .jsonl"
        )
    lists = {name: content[name] for name in SPLITS if isinstance(content.get(name), list)}
    if not lists:
        raise DataError(f"{expected}, but its keys are {', '.join(map(repr, content)) or 'none'}")
    return lists


def _entry(file: Path, split: str, number: int, entry: object) -> Entry:
    match entry:
        case [str(path), int(index), str(name)]:
            return path, index, name
    raise DataError(
        f"expected [path, label index, class name] as entry {number} of {split!r} in {file}, but "
        f"it is {json_text(entry)[:80]}"
    )


def _require_one(file: Path, kind: str, pairs: Sequence[tuple[str, str]]) -> None:
    values: dict[str, str] = {}
    for key, value in pairs:
        if values.setdefault(key, value) != value:
            raise DataError(
                f"expected one {kind} for {key} in {file}, but it has {values[key]!r} and "
                f"{value!r}; give each class one name and one index"
            )


def _root(file: Path, paths: Sequence[str]) -> Path:
    # In CoOp's data sets the pictures are in a folder next to the file (`images`, `jpg`, …).
    candidates = [file.parent, *subfolders(file.parent)]
    for folder in candidates:
        if any(is_regular(folder / path) for path in paths):
            return folder
    raise DataError(
        f"none of the {len(paths)} pictures named in {file} exists: {paths[0]} was looked for in "
        f"{', '.join(str(folder.resolve()) for folder in candidates)}; put the JSON file next to "
        "the folder of pictures"
    )
