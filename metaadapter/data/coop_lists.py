"""ImageNet and FGVC-Aircraft as CoOp reads them: from lists of classes, without a split file.

Source: K. Zhou et al., Learning to Prompt for Vision-Language Models (CoOp), 2022; the layout is in
DATASETS.md of github.com/KaiyangZhou/CoOp.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from metaadapter.data.folder import read_folder
from metaadapter.data.regular_files import is_regular, regular
from metaadapter.data.table import ImageRow, ImageTable
from metaadapter.errors import DataError

PICTURES = "images"
VARIANT_LISTS = {split: f"images_variant_{split}.txt" for split in ("train", "val", "test")}


def is_class_list(path: Path) -> bool:
    """Return whether a file has the name of a list of classes that CoOp reads."""
    return path.name in READERS


def read_class_list(file: Path, *, labelled: bool) -> ImageTable:
    """Read the pictures beside ImageNet's `classnames.txt` or FGVC-Aircraft's `variants.txt`."""
    table = READERS[file.name](file)
    if labelled:
        return table
    return replace(table, rows=tuple(replace(row, label=None) for row in table.rows))


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
    for split, name in VARIANT_LISTS.items():
        source = file.parent / name
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


READERS = {"classnames.txt": read_imagenet, "variants.txt": read_aircraft}


def _lines(file: Path, form: str) -> list[tuple[int, str]]:
    """Return the lines of a text that are not empty, with their numbers from 1."""
    expected = f"expected lines such as {form}, in {file}"
    try:
        text = regular(file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{expected}, but it cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{expected}, but it is not text in UTF-8") from error
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    if not (filled := [(number, line) for number, line in lines if line]):
        raise DataError(f"{expected}, but it is empty")
    return filled
