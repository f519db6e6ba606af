"""Read a file or folder of boxes in any format, which its content shows; write one by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import ValidationError

from metaadapter.data.boxes.coco import is_coco, read_coco, write_coco
from metaadapter.data.boxes.cvat import read_cvat, write_cvat
from metaadapter.data.boxes.label_studio import (
    is_label_studio,
    read_label_studio,
    write_label_studio,
)
from metaadapter.data.boxes.listing import Listing, checked
from metaadapter.data.boxes.megadetector import is_megadetector, read_megadetector
from metaadapter.data.boxes.voc import read_voc, voc_files, write_voc
from metaadapter.data.boxes.xml_tree import parse_xml
from metaadapter.data.boxes.yolo import read_yolo, write_yolo, yolo_names
from metaadapter.errors import DataError, UsageError
from metaadapter.files.regular_files import regular
from metaadapter.files.strict_json import parse_json
from metaadapter.files.url import Url

WRITERS: Mapping[str, Callable[[Listing, Path], None]] = {
    "coco": write_coco,
    "yolo": write_yolo,
    "voc": write_voc,
    "cvat": write_cvat,
    "label-studio": write_label_studio,
}
WRITTEN = {
    "coco": rb'\A\{"info": \{"description": "metaadapter',
    "cvat": rb"\A.{0,200}<name>metaadapter",
    "label-studio": rb'\A\[.{0,65536}"model_version": "metaadapter|\A\[\]\Z',
}
"""The beginnings of the files that an earlier run has written; the other formats are folders."""
BOM = b"\xef\xbb\xbf"
ENDINGS = (".json", ".xml", ".yaml", ".yml")
OF_JSON = (
    (is_coco, read_coco),
    (is_label_studio, read_label_studio),
    (is_megadetector, read_megadetector),
)
Read: TypeAlias = Callable[[], Listing]
EXPECTED = (
    "expected boxes of COCO, YOLO (a folder with data.yaml), Pascal VOC, CVAT (XML for images), "
    "Label Studio, MegaDetector or SpeciesNet"
)


def read_boxes(source: Path) -> Listing:
    """Read a file or folder of boxes; other content is a `DataError`."""
    listing = _read(source)
    if listing is None:
        raise DataError(f"{EXPECTED}, but {source} is none of these")
    return listing


def recognized(source: Path) -> Listing | None:
    """Read a source of pictures if it has a format of boxes, by its name and beginning; or `None`.

    Raises:
        DataError: It has a format of boxes, and is damaged; or it cannot be read.
        UsageError: It lies in a bucket, where the pictures of boxes cannot be looked for.
    """
    may_have = source.suffix.lower() in ENDINGS or source.is_dir()
    return _read(source) if may_have else None


def _read(source: Path) -> Listing | None:
    try:
        read = _folder(source) if source.is_dir() else _file(source)
        if read is not None and isinstance(source, Url):
            raise UsageError(
                f"{source} has boxes, and boxes are read from a drive alone: copy it there with "
                "its pictures, and name the copy"
            )
        return None if read is None else checked(read())
    except OSError as error:
        raise DataError(f"cannot read the boxes {source}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        wrong = first["msg"] if "instance of" not in first["msg"] else "expected a JSON object"
        raise DataError(f"{EXPECTED}, but {source} is wrong at {place}: {wrong}") from error
    except (ValueError, OverflowError) as error:
        raise DataError(f"{EXPECTED}, but {source} is wrong: {error}") from error


def write_boxes(listing: Listing, name: str, place: Path) -> None:
    """Write a listing in the format of a name; what the format cannot hold is a `DataError`."""
    try:
        WRITERS[name](listing, place)
    except ValueError as error:
        raise DataError(f"cannot write {place} in the format {name}: {error}") from error


def _folder(folder: Path) -> Read | None:
    if (names := yolo_names(folder)) is not None:
        return partial(read_yolo, names)
    files = voc_files(folder)
    return partial(read_voc, files, folder) if files else None


def _file(file: Path) -> Read | None:
    if file.suffix.lower() in (".yaml", ".yml"):
        return partial(read_yolo, file)
    content = regular(file).read_bytes().removeprefix(BOM).lstrip()
    if content[:1] == b"<":
        return partial(_xml, content)
    return _json(parse_json(content)) if content[:1] in (b"{", b"[") else None


def _xml(content: bytes) -> Listing:
    root = parse_xml(content)
    if root.tag == "annotation":
        raise ValueError("it is one file of Pascal VOC; give the folder of these files")
    if root.tag == "annotations":
        return read_cvat(root)
    raise ValueError(f"its XML is <{root.tag}>, neither CVAT's nor Pascal VOC's")


def _json(value: Any) -> Read | None:
    for is_format, read in OF_JSON:
        if is_format(value):
            return partial(read, value)
    return None
