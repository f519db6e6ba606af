"""Read a file or folder of boxes in any format, which its content shows; write one by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

from pydantic import ValidationError

from metaadapter.data.boxes.coco import is_coco, read_coco, write_coco
from metaadapter.data.boxes.cvat import is_cvat, read_cvat, write_cvat
from metaadapter.data.boxes.label_studio import (
    is_label_studio,
    read_label_studio,
    write_label_studio,
)
from metaadapter.data.boxes.listing import Listing, checked
from metaadapter.data.boxes.megadetector import is_megadetector, read_megadetector
from metaadapter.data.boxes.voc import is_voc, read_voc, write_voc
from metaadapter.data.boxes.xml_tree import parse_xml
from metaadapter.data.boxes.yolo import is_yolo, read_yolo, write_yolo
from metaadapter.errors import DataError, UsageError
from metaadapter.files.regular_files import regular
from metaadapter.files.strict_json import parse_json
from metaadapter.files.url import Url


class Format(NamedTuple):
    """A format of boxes.

    A content is a folder or a YAML file, as a path; the root element of XML; or a value of JSON.
    Readers and writers raise a `ValueError` for what they cannot read or write.
    """

    recognizes: Callable[[Any], bool]
    """Whether a content has this format, by its beginning."""
    read: Callable[[Any], Listing]
    write: Callable[[Listing, Path], None] | None = None
    """Write a file, or a folder; `None` for formats that are only read."""
    written: bytes = b""
    """A pattern of the beginning of a file that an earlier run has written; "" for a folder."""


FORMATS: Mapping[str, Format] = {
    "yolo": Format(is_yolo, read_yolo, write_yolo),
    "voc": Format(is_voc, read_voc, write_voc),
    "cvat": Format(is_cvat, read_cvat, write_cvat, rb"\A.{0,200}<name>metaadapter"),
    "coco": Format(is_coco, read_coco, write_coco, rb'\A\{"info": \{"description": "metaadapter'),
    "label-studio": Format(
        is_label_studio,
        read_label_studio,
        write_label_studio,
        rb'\A\[.{0,65536}"model_version": "metaadapter|\A\[\]\Z',
    ),
    "megadetector": Format(is_megadetector, read_megadetector),
}
"""Name, as in `--export` → format. The first that recognizes a content reads it."""
BOM = b"\xef\xbb\xbf"
ENDINGS = (".json", ".xml", ".yaml", ".yml")
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
        content = _content(source)
        named = next((one for one in FORMATS.values() if one.recognizes(content)), None)
        if named is None and isinstance(content, Element):
            raise ValueError(f"its XML is <{content.tag}>, neither CVAT's nor Pascal VOC's")
        if named is not None and isinstance(source, Url):
            raise UsageError(
                f"{source} has boxes, and boxes are read from a drive alone: copy it there with "
                "its pictures, and name the copy"
            )
        return None if named is None else checked(named.read(content))
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
    write = FORMATS[name].write
    assert write is not None, name
    try:
        write(listing, place)
    except ValueError as error:
        raise DataError(f"cannot write {place} in the format {name}: {error}") from error


def _content(source: Path) -> Any:
    """Return the content of a source, as in `Format`."""
    if source.is_dir() or source.suffix.lower() in (".yaml", ".yml"):
        return source
    content = regular(source).read_bytes().removeprefix(BOM).lstrip()
    if content[:1] == b"<":
        return parse_xml(content)
    return parse_json(content) if content[:1] in (b"{", b"[") else None
