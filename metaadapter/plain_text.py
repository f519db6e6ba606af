"""Texts from people, such as class names, made inert where they are shown."""

from __future__ import annotations

import re

__all__ = ["in_markdown", "one_line"]

# Control characters, line and paragraph separators, and marks that turn the direction of writing.
INVISIBLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
)
ACTIVE_IN_MARKDOWN = re.compile(r"[\\`*_\[\]<>|&~$#!:@]|(?<=www)\.", re.IGNORECASE)


def one_line(text: object) -> str:
    r"""A text that cannot steer a terminal, break a line or reverse what follows: `\x1b`, `\n`."""
    return INVISIBLE.sub(lambda match: ascii(match[0])[1:-1], str(text))


def in_markdown(text: object) -> str:
    """A text that Markdown, also in a cell of a table, shows letter for letter."""
    return ACTIVE_IN_MARKDOWN.sub(r"\\\g<0>", one_line(text))
