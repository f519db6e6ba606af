"""Read and write XML without entities, which could make a small file fill the memory."""

from __future__ import annotations

import re
from typing import Any, NoReturn
from xml.etree.ElementTree import Element, ParseError, SubElement, TreeBuilder, XMLParser

MOST_PIXELS = 1_000_000  # in the width or the height of a picture
# XML 1.0 has no form for these characters.
NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def parse_xml(content: bytes) -> Element:
    """Parse XML; a document type, without which there are no entities, is a `ValueError`."""
    parser = XMLParser(target=_Plain())
    try:
        parser.feed(content)
        return parser.close()
    except ParseError as error:
        raise ValueError(f"it is no XML: {error}") from error


class _Plain(TreeBuilder):
    def doctype(self, *_: Any) -> NoReturn:
        raise ValueError("it declares a document type or entities, which are not read")


def add(parent: Element, tag: str, text: object = None, /, **attributes: object) -> Element:
    """Append an element; a character that XML does not have is a `ValueError`."""
    values = {key: _text(value) for key, value in attributes.items()}
    element = SubElement(parent, tag, values)
    element.text = None if text is None else _text(text)
    return element


def text_of(element: Element, path: str) -> str:
    """The text of the first element below `element` at `path`; "" without one."""
    return (element.findtext(path) or "").strip()


def number_of(text: str, name: str) -> float:
    """The number that a text is; another text is a `ValueError` with the name of its place."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"expected a number as {name}, got {text[:80]!r}") from None


def size_of(width: str, height: str) -> tuple[int, int]:
    """The size of a picture in pixels; a `ValueError` if it is not given, or 0."""
    sides = (number_of(width, "width"), number_of(height, "height"))
    if not all(1 <= side <= MOST_PIXELS for side in sides):
        raise ValueError(f"expected a size from 1 to {MOST_PIXELS:,} pixels, got {sides}")
    return int(sides[0]), int(sides[1])


def _text(value: object) -> str:
    # Many readers of VOC take whole numbers of pixels only.
    is_whole = isinstance(value, float) and value.is_integer()
    text = str(int(value) if is_whole else value)  # type: ignore[call-overload]
    if wrong := NOT_IN_XML.search(text):
        raise ValueError(f"XML cannot hold the character {wrong[0]!r} of {text!r}")
    return text
