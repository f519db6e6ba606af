"""Read a file or folder of boxes in any format, which its content shows; write one by its name."""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from metaadapter.data.boxes.coco import is_coco, read_coco, write_coco
from metaadapter.data.boxes.cvat import read_cvat, write_cvat
from metaadapter.data.boxes.label_studio import (
    is_label_studio,
    is_label_studio_table,
    read_label_studio,
    read_label_studio_table,
    write_label_studio,
)
from metaadapter.data.boxes.listing import Listing, checked
from metaadapter.data.boxes.megadetector import is_megadetector, read_megadetector
from metaadapter.data.boxes.voc import read_picture, read_voc, voc_files, write_voc
from metaadapter.data.boxes.xml_tree import parse_xml
from metaadapter.data.boxes.yolo import read_yolo, write_yolo, yolo_names
from metaadapter.data.regular_files import regular
from metaadapter.data.strict_json import parse_json
from metaadapter.data.url import Url
from metaadapter.errors import DataError

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
BOM, MOST_HEAD = b"\xef\xbb\xbf", 65536
ENDINGS = (".json", ".xml", ".yaml", ".yml", ".csv", ".tsv")
EXPECTED = (
    "expected boxes of COCO, YOLO (a folder with data.yaml), Pascal VOC, CVAT (XML for images), "
    "Label Studio, MegaDetector or SpeciesNet"
)


def may_have_boxes(source: Path) -> bool:
    """Return whether a source of pictures is worth a try with `recognized`."""
    if isinstance(source, Url):
        return False
    return source.suffix.lower() in ENDINGS or source.is_dir()


def read_boxes(source: Path) -> Listing:
    """Read a file or folder of boxes; other content is a `DataError`."""
    listing = recognized(source)
    if listing is None:
        raise DataError(f"{EXPECTED}, but {source} is none of these")
    return listing


def recognized(source: Path) -> Listing | None:
    """Read a file or folder of boxes; `None` if it has no such format.

    Raises:
        DataError: It has a format of boxes, and is damaged; or it cannot be read.
    """
    try:
        with _no_garbage():
            listing = _folder(source) if source.is_dir() else _file(source)
            return None if listing is None else checked(listing)
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


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Pause the garbage collector: files of boxes become millions of objects without cycles.

    It would look at all of them again and again, which doubles the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _folder(folder: Path) -> Listing | None:
    if (names := yolo_names(folder)) is not None:
        return read_yolo(names)
    files = voc_files(folder)
    return read_voc(files, folder) if files else None


def _file(file: Path) -> Listing | None:
    if file.suffix.lower() in (".yaml", ".yml"):
        return read_yolo(file)
    with regular(file).open("rb") as opened:
        head = opened.readline(MOST_HEAD)
        is_table = is_label_studio_table(head.decode("utf-8-sig", errors="replace"))
        if not (is_table or head.removeprefix(BOM).lstrip()[:1] in (b"<", b"{", b"[", b"")):
            return None  # a picture or a large table is not read on
        content = (head + opened.read()).removeprefix(BOM)
    if is_table:
        return read_label_studio_table(content.decode())
    start = content[:MOST_HEAD].lstrip()[:1]
    if start == b"<":
        return _xml(content, file)
    return _json(parse_json(content)) if start in (b"{", b"[") else None


def _xml(content: bytes, file: Path) -> Listing:
    root = parse_xml(content)
    if root.tag == "annotation":
        remarks = defaultdict[str, list[str]](list)
        frame = read_picture(root, Path(file.name), remarks)
        names = dict.fromkeys(box.category for box in frame.detections)
        categories = {str(number): name for number, name in enumerate(names)}
        return Listing("Pascal VOC", categories, [frame], remarks=remarks)
    if root.tag == "annotations":
        return read_cvat(root)
    raise ValueError(f"its XML is <{root.tag}>, neither CVAT's nor Pascal VOC's")


def _json(value: Any) -> Listing | None:
    if is_coco(value):
        return read_coco(value)
    if is_label_studio(value):
        return read_label_studio(value)
    if is_megadetector(value):
        return read_megadetector(value)
    if isinstance(value, list) and value and isinstance(value[0], dict) and "bbox" in value[0]:
        raise ValueError(
            "these are results of COCO, without pictures and names; give a file with images, "
            "categories and annotations"
        )
    return None
