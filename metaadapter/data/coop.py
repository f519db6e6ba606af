"""The data sets of CoOp: its split files, and ImageNet and FGVC-Aircraft with lists of classes.

Source: K. Zhou et al., Learning to Prompt for Vision-Language Models (CoOp), 2022; the layout is in
DATASETS.md of github.com/KaiyangZhou/CoOp.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from metaadapter.data.folder import read_folder
from metaadapter.data.regular_files import is_regular, read_utf8
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.data.table import ImageRow, ImageTable
from metaadapter.data.walk import subfolders
from metaadapter.errors import DataError

SPLITS = ("train", "val", "test")
PICTURES = "images"

Entry = tuple[str, int, str]  # path, label index, class name


def read_coop_split(file: Path) -> ImageTable:
    """Read the pictures of a file such as `split_zhou_OxfordPets.json`, in file order.

    It is JSON with train, val and test lists of [path, label index, class name].
    """
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


def _lists(file: Path) -> Mapping[str, Sequence[object]]:
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


def read_imagenet(file: Path) -> ImageTable:
    """Read `images/train` and `images/val` beside `classnames.txt`; as in CoOp, val is the test.

    A line holds the folder of a class and its name, "n01440764 tench", and is the label. Thus
    classes are in the order of their folders, and two classes may have the same name.
    """
    lines = _lines(file, "'n01440764 tench', a folder and the name of its class")
    label_by_folder = {line.split()[0]: line for _, line in lines}
    pictures = file.parent / PICTURES
    table = read_folder(pictures, labelled=True)
    if set(table.splits) != {"train", "val"}:
        present = ", ".join(table.splits) or "no such folders"
        raise DataError(
            f"expected the folders train and val, with one folder per class in each, in {pictures} "
            f"beside {file.name}, got {present}; arrange ImageNet's pictures like this, those for "
            "validation too"
        )
    if unnamed := sorted(set(table.classes) - set(label_by_folder)):
        raise DataError(
            f"expected a line for each class in {file}, but {len(unnamed)} folder(s) in {pictures} "
            f"have none: {', '.join(unnamed[:3])}; add lines such as '{unnamed[0]} tench'"
        )
    rows = tuple(
        replace(
            row,
            label=label_by_folder[row.label or ""],
            split="test" if row.split == "val" else row.split,
        )
        for row in table.rows
    )
    return ImageTable(rows, "ImageNet with classnames.txt", table.warnings)


def read_aircraft(file: Path) -> ImageTable:
    """Read the pictures of `images_variant_train.txt`, … beside `variants.txt`, in file order.

    A line of these lists holds the number of a picture in `images` and its variant, "1025794
    707-320"; `variants.txt` holds all variants.
    """
    variants = {line for _, line in _lines(file, "'707-320', the name of a variant")}
    rows = []
    for split in SPLITS:
        source = file.parent / f"images_variant_{split}.txt"
        for number, line in _lines(source, "'1025794 707-320', a picture and its variant"):
            picture, _, variant = line.partition(" ")
            if variant not in variants:
                raise DataError(
                    f"expected a variant of {file} in line {number} of {source}, got {variant!r}; "
                    "take both files from one release of FGVC-Aircraft"
                )
            rows.append(ImageRow(file.parent / PICTURES / f"{picture}.jpg", variant, split))
    if not any(is_regular(row.path) for row in rows):
        raise DataError(
            f"none of the {len(rows)} pictures in the lists beside {file} exists: {rows[0].path} "
            "is missing; put the lists next to the folder of pictures"
        )
    return ImageTable(tuple(rows), "FGVC-Aircraft with variants.txt")


CLASS_LISTS = {"classnames.txt": read_imagenet, "variants.txt": read_aircraft}


def _lines(file: Path, form: str) -> list[tuple[int, str]]:
    """Return the lines of a text that are not empty, with their numbers from 1."""
    text = read_utf8(file, f"list, with lines such as {form},", saved_as="it in UTF-8")
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    if not (filled := [(number, line) for number, line in lines if line]):
        raise DataError(f"expected lines such as {form}, in {file}, but it is empty")
    return filled
