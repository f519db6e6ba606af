"""Escape texts from users, such as class names, for the output that shows them.

Terminals need `one_line`, HTML and SVG escaping as well, Markdown `in_markdown`, tables `in_csv`.
"""

from __future__ import annotations

import re
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
# A cell begins after any separator, since a spreadsheet may split lines at a different one.
CELL = r"(?:^|(?<=[,;\t\r\n]))"
# The beginning of a formula (OWASP, "CSV Injection"), perhaps after our apostrophes.
SIGN = r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
FORMULA = f"(?='*{SIGN})"
ANY_SIGN = re.compile(SIGN)  # most texts have none, which is known in a fifth of the time
BEFORE_FORMULA, APOSTROPHE = re.compile(CELL + FORMULA), re.compile(CELL + "'" + FORMULA)


def one_line(text: object) -> str:
    r"""Escape characters that would steer a terminal, break a line or reverse text, as `\x1b`."""
    return INVISIBLE.sub(lambda match: ascii(match[0])[1:-1], str(text))


def in_markdown(text: object) -> str:
    """Escape a text so that Markdown shows it letter for letter, also in a table."""
    return ACTIVE_IN_MARKDOWN.sub(r"\1\\\2\3", one_line(text).strip(" "))


def in_csv(cell: Cell) -> Cell | str:
    """Put an apostrophe before text that a spreadsheet would read as a formula; see `from_csv`."""
    if isinstance(cell, str) and ANY_SIGN.search(cell):
        return BEFORE_FORMULA.sub("'", cell)
    return cell


def from_csv(cell: Cell) -> Cell | str:
    """Undo `in_csv`."""
    return APOSTROPHE.sub("", cell) if isinstance(cell, str) else cell


def is_text(text: str) -> bool:
    r"""Return False for a text with half a character, which JSON can contain and UTF-8 cannot."""
    try:
        text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return False
    return True
