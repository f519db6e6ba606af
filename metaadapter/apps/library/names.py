"""Names of the entries of a library, which are names of files on every system."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection

from metaadapter.adapter.layout import SKILL_SUFFIX
from metaadapter.errors import UsageError

MOST_CHARACTERS = 100
# A name of a file has 255 bytes at most, and one that is being written a longer end.
MOST_BYTES = 255 - len(f"{SKILL_SUFFIX}.new.tmp")
# Devices of Windows, whatever comes behind a dot.
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
# Letters and digits of any script, and the marks that are part of letters in some.
IN_WORDS = ("L", "M", "Nd")


def entry_name(name: str) -> str:
    """A name as it is kept, in Unicode's composed form (NFC).

    Raises:
        UsageError: Some file system cannot have it, or people could not tell it from another one.
    """
    kept = unicodedata.normalize("NFC", name)
    if fault := _fault(kept):
        raise UsageError(
            f"the name {name!r} {fault}; a name of an entry has letters and digits of any script, "
            "and within it hyphens, underscores, dots and spaces"
        )
    return kept


def fold(name: str) -> str:
    """What two names share that some file system takes for one: it knows no case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def not_there(name: str, names: Collection[str], owner: str) -> UsageError:
    """The error that an entry is not there, with names that are near to it."""
    near = difflib.get_close_matches(fold(name), map(fold, names), n=3, cutoff=0.5)
    meant = [repr(each) for each in names if fold(each) in near]
    if meant:
        hint = f"did you mean {' or '.join(meant)}?"
    elif names:
        shown = ", ".join(sorted(map(repr, names))[:5])
        hint = f"it has {shown}{', …' if len(names) > 5 else ''}"
    else:
        hint = "it is empty: `metaadapter library add LIBRARY ADAPTER` adds one"
    return UsageError(f"{owner} has no entry {name!r}; {hint}")


def _fault(name: str) -> str:
    if not name:
        return "is empty"
    if len(name) > MOST_CHARACTERS:
        return f"has {len(name)} characters, and may have {MOST_CHARACTERS}"
    if wrong := next((each for each in name if not _is_in_names(each)), None):
        return f"has {wrong!r} in it"
    if (n_bytes := len(name.encode())) > MOST_BYTES:
        return f"has {n_bytes} bytes in UTF-8, and may have {MOST_BYTES}"
    for end, which in ((name[0], "begins"), (name[-1], "ends")):
        if not (unicodedata.category(end).startswith(IN_WORDS) or end == "_"):
            return f"{which} with {end!r}"
    if unicodedata.category(name[0]).startswith("M"):
        return f"begins with {name[0]!r}, a mark that belongs to a letter before it"
    if DEVICE.fullmatch(name):
        return "is that of a device of Windows"
    return ""


def _is_in_names(character: str) -> bool:
    return character in "-_. " or unicodedata.category(character).startswith(IN_WORDS)
