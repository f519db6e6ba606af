"""Texts from people, such as class names, made inert where they are shown.

There is a function for each place. A terminal takes `one_line`, HTML and SVG that and escaping.
"""

from __future__ import annotations

import re
from typing import TypeVar

# Control characters, line and paragraph separators, marks that turn the direction of writing, and
# bytes of a file name that are no text.
INVISIBLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff]"
)
Cell = TypeVar("Cell")
# First what makes an item of a list, or a heading, of a line that begins with it.
ACTIVE_IN_MARKDOWN = re.compile(
    r"^(\d*)([-+=.)])|([\\`*_\[\]<>|&~$#!@]|:(?=\S)|(?<=www)\.)", re.IGNORECASE
)
# A cell begins after any separator, for a spreadsheet may divide lines at another one than ours.
CELL = r"(?:^|(?<=[,;\t\r\n]))"
# What a spreadsheet takes for a formula (OWASP, "CSV Injection"), perhaps behind our apostrophes.
FORMULA = r"(?='*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])"
BEFORE_FORMULA, APOSTROPHE = re.compile(CELL + FORMULA), re.compile(CELL + "'" + FORMULA)


def one_line(text: object) -> str:
    r"""A text that cannot steer a terminal, break a line or reverse what follows: `\x1b`, `\n`."""
    return INVISIBLE.sub(lambda match: ascii(match[0])[1:-1], str(text))


def in_markdown(text: object) -> str:
    """A text that Markdown, also in a cell of a table, shows letter for letter."""
    return ACTIVE_IN_MARKDOWN.sub(r"\1\\\2\3", one_line(text).strip(" "))


def in_csv(cell: Cell) -> Cell | str:
    """A cell that no spreadsheet takes for a formula: an apostrophe stands where one would begin.

    Numbers stay numbers. `from_csv` is the inverse.
    """
    return BEFORE_FORMULA.sub("'", cell) if isinstance(cell, str) else cell


def from_csv(cell: Cell) -> Cell | str:
    """The cell that `in_csv` was given."""
    return APOSTROPHE.sub("", cell) if isinstance(cell, str) else cell


def is_text(text: str) -> bool:
    r"""Whether UTF-8 can hold it; undecodable bytes of a file name count as text.

    JSON can tell of half a character, as in "\ud800", which no file can hold.
    """
    try:
        text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return False
    return True
