"""Names of classes: which spellings are the same."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from metaadapter.errors import DataError, UsageError

# Characters that nobody sees: Default_Ignorable_Code_Point in DerivedCoreProperties.txt of Unicode
# 16, and controls; but for the tags, in which alone the flags of England and Scotland differ.
UNSEEN_LETTERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
UNSEEN = re.compile(
    UNSEEN_LETTERS.pattern[:-1] + "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb]"
)
MOST_SHOWN = 3


def same_label_spelling(label: str) -> str:
    """Return the key under which two spellings of a label are the same.

    It is the text in NFKC and without case, without invisible characters, and with a space for
    underscores and white space.
    """
    text = unicodedata.normalize("NFKC", UNSEEN.sub("", label)).replace("_", " ")
    return unicodedata.normalize("NFKC", " ".join(text.split()).casefold())


def alike_labels(labels: Iterable[str]) -> str:
    """Return labels that differ only in spelling, as in "'red fox' and 'red_fox'"; or ""."""
    spellings: defaultdict[str, list[str]] = defaultdict(list)
    for label in sorted({*labels}):
        spellings[same_label_spelling(label)].append(label)
    alike = [" and ".join(map(_shown, some)) for some in spellings.values() if len(some) > 1]
    return "; ".join(alike[:MOST_SHOWN]) + ("; …" if len(alike) > MOST_SHOWN else "")


def require_own_spelling(labels: Iterable[str], owner: str) -> None:
    """Raise a `DataError` if two labels of `owner` differ only in spelling."""
    if alike := alike_labels(labels):
        raise DataError(
            f"{owner} differ only by an underscore, a space, the case of letters or an invisible "
            f"character: {alike}; give one class one spelling, and two classes different names"
        )


def require_new_spelling(label: str, classes: Iterable[str]) -> None:
    """Raise a `UsageError` if a new label differs from that of a class only in spelling."""
    key = same_label_spelling(label)
    if same := next((known for known in classes if same_label_spelling(known) == key), None):
        raise UsageError(
            f"the new class {_shown(label)} differs from the class {_shown(same)} only by an "
            "underscore, a space, the case of letters or an invisible character; give another name"
        )


def spelled_alike(alike: str) -> str:
    """Return the warning about the `alike_labels` of a feature store, whose labels stay."""
    return f"these labels are different classes, though they differ only in spelling: {alike}"


def _shown(label: str) -> str:
    # `repr` shows most invisible characters by their number, but not these.
    return ascii(label) if UNSEEN_LETTERS.search(label) else repr(label)
