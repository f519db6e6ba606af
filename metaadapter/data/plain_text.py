"""Texts from users, such as class names, made harmless for the output that shows them.

Terminals need `one_line`, HTML and SVG also escaping, Markdown `in_markdown`, and tables `in_csv`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import TypeVar

# Control characters, line and paragraph separators, marks of writing direction, and bytes of a file
# name that are no text.
INVISIBLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff]"
)
Cell = TypeVar("Cell")
# The first group makes a line a list item or a heading.
ACTIVE_IN_MARKDOWN = re.compile(
    r"^(\d*)([-+=.)])|([\\`*_\[\]<>|&~$#!@]|:(?=\S)|(?<=www)\.)", re.IGNORECASE
)
# A cell begins after any separator, since a spreadsheet may split lines at another one than ours.
CELL = r"(?:^|(?<=[,;\t\r\n]))"
# The beginning of a formula (OWASP, "CSV Injection"), perhaps after our apostrophes.
FORMULA = r"(?='*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])"
BEFORE_FORMULA, APOSTROPHE = re.compile(CELL + FORMULA), re.compile(CELL + "'" + FORMULA)


def one_line(text: object) -> str:
    r"""Escape what would steer a terminal, break a line or reverse the text: `\x1b`, `\n`."""
    return INVISIBLE.sub(lambda match: ascii(match[0])[1:-1], str(text))


def in_markdown(text: object) -> str:
    """Escape a text so that Markdown shows it letter for letter, also in a table."""
    return ACTIVE_IN_MARKDOWN.sub(r"\1\\\2\3", one_line(text).strip(" "))


def in_csv(cell: Cell) -> Cell | str:
    """Put an apostrophe before what a spreadsheet would read as a formula; see `from_csv`."""
    return BEFORE_FORMULA.sub("'", cell) if isinstance(cell, str) else cell


def from_csv(cell: Cell) -> Cell | str:
    """Undo `in_csv`."""
    return APOSTROPHE.sub("", cell) if isinstance(cell, str) else cell


def csv_bytes(
    rows: Iterable[Iterable[object]], *, raw: bool = False, line_end: str = "\r\n"
) -> bytes:
    """Rows as CSV in UTF-8; `raw` leaves names that a spreadsheet may read as formulas."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=line_end)
    writer.writerows(rows if raw else (map(in_csv, row) for row in rows))
    return text.getvalue().encode(errors="surrogateescape")


def is_text(text: str) -> bool:
    r"""Return whether UTF-8 can hold a text; JSON can contain half a character."""
    try:
        text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return False
    return True
