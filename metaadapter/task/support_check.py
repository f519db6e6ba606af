"""What may be wrong with the labelled pictures of a task and with the names of its classes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from shlex import quote

__all__ = ["check_support", "says_nothing"]

LOPSIDED = 10  # times as many pictures in the largest class as in the smallest
# What is left when nobody gave a name: "3", "class_07", "New folder (2)".
PLACEHOLDER = re.compile(
    r"((class|category|label|group|folder|new folder|untitled)?[\W_]*\d*\W*)", re.IGNORECASE
)


def check_support(counts: Mapping[str, int], names: Mapping[str, str]) -> tuple[str, ...]:
    """Find what may hurt, as sentences for the user.

    Args:
        counts: label → number of pictures, of the classes that have any.
        names: label → name of the class; empty if names are not used.
    """
    return (*_lopsided(counts), *_empty_names(names))


def says_nothing(name: str) -> bool:
    """Whether a name is a number or a placeholder such as `class 1`."""
    return PLACEHOLDER.fullmatch(name.strip()) is not None


def _lopsided(counts: Mapping[str, int]) -> list[str]:
    fewest, most = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    if counts[most] < LOPSIDED * counts[fewest]:
        return []
    return [
        f"{fewest!r} has {counts[fewest]} picture(s) beside {counts[most]} of {most!r}: more "
        f"pictures of {fewest!r} would help most"
    ]


def _empty_names(names: Mapping[str, str]) -> list[str]:
    empty = [label for label, name in names.items() if says_nothing(name)]
    if not empty:
        return []
    shown = ", ".join(map(repr, empty[:3])) + (", …" if len(empty) > 3 else "")
    return [
        f"the encoder cannot picture anything under the name of {len(empty)} class(es) ({shown}): "
        f'give names, for example --text {quote(empty[0])}="red fox", or use --no-text'
    ]
