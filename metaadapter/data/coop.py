"""The split files of CoOp.

Source: K. Zhou et al., Learning to Prompt for Vision-Language Models (CoOp), 2022; the layout is in
DATASETS.md of github.com/KaiyangZhou/CoOp.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from metaadapter.data.regular_files import is_regular, read_utf8
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.data.table import ImageRow, ImageTable
from metaadapter.data.walk import subfolders
from metaadapter.errors import DataError

SPLITS = ("train", "val", "test")
Entry = tuple[str, str, int, str]  # split, path, label index, class name


def read_coop_split(file: Path) -> ImageTable:
    """Read the pictures of a file such as `split_zhou_OxfordPets.json`, in file order.

    It is JSON with train, val and test lists of [path, label index, class name].
    """
    entries = _entries(file)
    pairs = {(index, name) for _, _, index, name in entries}
    for number, kind in ((0, "label index"), (1, "class name")):
        values = [pair[number] for pair in pairs]
        if twice := [value for value in values if values.count(value) > 1]:
            raise DataError(
                f"expected one name and one index for each class in {file}, but the {kind} "
                f"{twice[0]!r} has several; correct them"
            )
    # The pictures are in a folder next to the file (`images`, `jpg`, …).
    candidates = [file.parent, *subfolders(file.parent)]
    paths = [path for _, path, _, _ in entries]
    root = next((r for r in candidates if any(is_regular(r / path) for path in paths)), None)
    if root is None:
        raise DataError(
            f"none of the {len(paths)} pictures named in {file} exists: {paths[0]} was looked for "
            f"in {', '.join(str(folder.resolve()) for folder in candidates)}; put the JSON file "
            "next to the folder of pictures"
        )
    rows = tuple(ImageRow(root / path, name, split) for split, path, _, name in entries)
    return ImageTable(rows, "CoOp split JSON")


def _entries(file: Path) -> Sequence[Entry]:
    expected = f"expected lists 'train', 'val' and 'test' (a CoOp split) in {file}"
    text = read_utf8(file, "CoOp split", saved_as="it in UTF-8")
    try:
        content = parse_json(text)
    except ValueError as error:
        raise DataError(f"{expected}, but it is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise DataError(
            f"{expected}, but it holds a {type(content).__name__}; a table with one object per "
            "line needs a name that ends in .jsonl"
        )
    lists = {name: content[name] for name in SPLITS if isinstance(content.get(name), list)}
    entries = [
        (split, *_entry(file, split, number, entry))
        for split, items in lists.items()
        for number, entry in enumerate(items, start=1)
    ]
    if not entries:
        raise DataError(f"{expected}, with pictures, but its keys are {', '.join(content)}")
    return entries


def _entry(file: Path, split: str, number: int, entry: object) -> tuple[str, int, str]:
    match entry:
        case [str(path), int(index), str(name)]:
            return path, index, name
    raise DataError(
        f"expected [path, label index, class name] as entry {number} of {split!r} in {file}, but "
        f"it is {json_text(entry)[:80]}"
    )
