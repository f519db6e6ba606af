"""The names of entries, which are valid file names on every system."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection

from metaadapter.adapter.layout import SKILL_SUFFIX
from metaadapter.data.class_names import UNSEEN_LETTERS
from metaadapter.errors import UsageError

MOST_CHARACTERS = 100
# A file name has at most 255 bytes, and a file that is being written has a longer suffix.
MOST_BYTES = 255 - len(f"{SKILL_SUFFIX}.new.tmp")
# Names of devices in Windows, with any suffix.
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
# Letters and digits of any script, and the marks that some scripts combine with letters.
IN_WORDS = ("L", "M", "Nd")


def entry_name(name: str) -> str:
    """Check a name and return it in Unicode's composed form (NFC)."""
    composed = unicodedata.normalize("NFC", name)
    if fault := _fault(composed):
        raise UsageError(
            f"the name {name!r} {fault}; the name of an entry consists of letters and digits of "
            "any script, with hyphens, underscores, dots and spaces between them"
        )
    return composed


def fold(name: str) -> str:
    """Return a form that is equal for two names if some file system treats them as one name."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def missing_entry(name: str, names: Collection[str], owner: str) -> UsageError:
    """Return the error for an entry that does not exist; it suggests similar names."""
    near = difflib.get_close_matches(fold(name), map(fold, names), n=3, cutoff=0.5)
    similar = [repr(other) for other in names if fold(other) in near]
    if similar:
        hint = f"did you mean {' or '.join(similar)}?"
    elif names:
        first = ", ".join(sorted(map(repr, names))[:5])
        hint = f"it has {first}{', …' if len(names) > 5 else ''}"
    else:
        hint = "it is empty: `metaadapter library add LIBRARY ADAPTER` adds one"
    return UsageError(f"{owner} has no entry {name!r}; {hint}")


def _fault(name: str) -> str:
    if not name:
        return "is empty"
    if len(name) > MOST_CHARACTERS:
        return f"has {len(name)} characters, and at most {MOST_CHARACTERS} are allowed"
    if wrong := next((character for character in name if not _is_allowed(character)), None):
        return f"contains {wrong!r}"
    if unseen := UNSEEN_LETTERS.search(name):
        return f"contains the invisible character U+{ord(unseen[0]):04X}"
    if (n_bytes := len(name.encode())) > MOST_BYTES:
        return f"has {n_bytes} bytes in UTF-8, and at most {MOST_BYTES} are allowed"
    for end, verb in ((name[0], "begins"), (name[-1], "ends")):
        if not (unicodedata.category(end).startswith(IN_WORDS) or end == "_"):
            return f"{verb} with {end!r}"
    if unicodedata.category(name[0]).startswith("M"):
        return f"begins with {name[0]!r}, a mark that needs a letter before it"
    if DEVICE.fullmatch(name):
        return "is the name of a device in Windows"
    return ""


def _is_allowed(character: str) -> bool:
    return character in "-_. " or unicodedata.category(character).startswith(IN_WORDS)
